"""Decides which way of counting explains the API's totals of the final days. Pure.

A definition is proven by the days themselves if there are enough of them, nearly all are equal, and
every other definition fails on most days. A rare event, as a takeover, leaves most days equal under
any definition, so its metric may follow another one that is proven: then hardly any day on which
just one of two definitions is right may speak against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatislav_source.proof.definitions import Candidate, Metric

MIN_DAYS = 14  # final days with enough conversations
MIN_CONVERSATIONS = 5  # of such a day, as the API counts; smaller days are equal by chance
MIN_EQUAL_SHARE = 0.95  # of the chosen definition; a few days may be damaged
MAX_RIVAL_SHARE = 0.5  # of the next best


@dataclass(frozen=True)
class Evidence:
    """One final day: the API's value, and the counted one by candidate."""

    api_value: float
    counted: Mapping[Candidate, float]

    def is_equal(self, candidate: Candidate) -> bool:
        """Whether the candidate counts what the API counts."""
        return self.counted[candidate] == self.api_value


@dataclass(frozen=True)
class Verdict:
    """The candidate that explains most days; a proven one may be used to compare.

    `proven_by` is the metric whose days prove it, None if it is not proven.
    """

    metric: str
    chosen: Candidate
    days: int
    days_equal: int
    next_best: Candidate | None
    next_best_equal: int
    proven_by: str | None

    @property
    def is_proven(self) -> bool:
        """Whether the chosen candidate is proven."""
        return self.proven_by is not None


def judge(
    metric: Metric,
    candidates: Sequence[Candidate],
    days: Sequence[Evidence],
    leader: Verdict | None = None,
    known: str | None = None,
) -> Verdict:
    """The verdict on a metric from its final days.

    `leader` is the verdict on the metric that this one follows. `known` are the words of the
    definition that was proven earlier: it stays as long as no other explains more days, so that
    many damaged days are still found.
    """
    equal = {each: sum(day.is_equal(each) for day in days) for each in candidates}
    ranked = sorted(candidates, key=lambda each: -equal[each])
    chosen, proven_by = ranked[0], None
    if _is_proven(chosen, candidates, days, equal):
        proven_by = metric.name
    elif leader is not None and leader.is_proven:
        fitting = [each for each in ranked if each.fits(leader.chosen)]
        if _is_proven(fitting[0], fitting, days, equal) and _never_refuted(fitting[0], days):
            chosen, proven_by = fitting[0], leader.metric
    if proven_by is None:
        kept = [each for each in ranked if each.words == known and equal[each] == equal[ranked[0]]]
        chosen, proven_by = (kept[0], metric.name) if kept else (chosen, None)
    others = [each for each in ranked if each != chosen]
    next_best = others[0] if others else None
    next_best_equal = equal[next_best] if next_best else 0
    return Verdict(
        metric.name, chosen, len(days), equal[chosen], next_best, next_best_equal, proven_by
    )


def _is_proven(
    chosen: Candidate,
    candidates: Sequence[Candidate],
    days: Sequence[Evidence],
    equal: Mapping[Candidate, int],
) -> bool:
    """Whether the days prove `chosen` against the other candidates."""
    rivals = [equal[each] for each in candidates if each != chosen]
    return (
        len(days) >= MIN_DAYS
        and equal[chosen] >= MIN_EQUAL_SHARE * len(days)
        and all(count < MAX_RIVAL_SHARE * len(days) for count in rivals)
    )


def _never_refuted(chosen: Candidate, days: Sequence[Evidence]) -> bool:
    """Whether `chosen` is right on nearly all days on which just one of it and a rival is right."""
    rivals = {each for day in days for each in day.counted if each != chosen}
    for rival in rivals:
        telling = [day for day in days if day.is_equal(rival) != day.is_equal(chosen)]
        right = sum(day.is_equal(chosen) for day in telling)
        if right < MIN_EQUAL_SHARE * len(telling):
            return False
    return True
