"""Compares the API's totals with what the tables hold, per bot, day, channel and metric. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from chatislav_source.proof import bounds
from chatislav_source.proof.counts import DayCounts
from chatislav_source.proof.definitions import MESSAGES, METRICS, TOTAL, Metric
from chatislav_source.proof.verdict import MIN_CONVERSATIONS, Evidence, Verdict, judge
from chatislav_source.streams.date_window import ALL

Status = Literal["equal", "settling", "missing", "extra", "not_comparable", "unproven"]
DIFFERS: tuple[Status, ...] = ("missing", "extra")
NOT_LOADED = "the API's totals of this day are not in the table"
MAX_HEAL_ATTEMPTS = 3  # per day; a day that still differs is unexplained

ABSENT = "absent__"
"""Begins the metric of a row about one conversation, which its session id ends: the tables have it,
the API does not return it. `heal_attempts` counts the days on which it was asked for."""
ABSENCES_OF_A_DELETION = 2

Key = tuple[int, date, str, str]
"""Bot, date, channel and metric."""


@dataclass(frozen=True)
class DayTotals:
    """A row of `analytics`; `values` are its numbers by column, None if the API sent none."""

    day: date
    channel: str
    timezone: str
    is_final: bool
    values: Mapping[str, float | None]

    def value(self, columns: Iterable[str]) -> float | None:
        """The sum of some columns; None if one is not known."""
        found = [self.values.get(column) for column in columns]
        return None if None in found else float(sum(each or 0 for each in found))


@dataclass(frozen=True)
class Comparison:
    """A row of `reconciliation`.

    `difference` is what the tables have more than the API. `first_seen_at` is when the status was
    first seen, `checked_at` when the row was last written, `healed_at` when days read again made it
    equal; all UTC.
    """

    bot_id: int
    date: date
    channel: str
    metric: str
    timezone: str
    api_value: float | None
    counted_value: float | None
    difference: float | None
    definition: str
    status: Status
    first_seen_at: datetime
    checked_at: datetime
    heal_attempts: int = 0
    healed_at: datetime | None = None

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.bot_id, self.date, self.channel, self.metric

    @property
    def is_unexplained(self) -> bool:
        """Whether the day still differs after all attempts to heal it."""
        return self.status in DIFFERS and self.heal_attempts >= MAX_HEAL_ATTEMPTS

    @property
    def session_id(self) -> str | None:
        """The conversation that the row is about; None if it is about a day."""
        return self.metric.removeprefix(ABSENT) if self.metric.startswith(ABSENT) else None

    @property
    def is_deletion(self) -> bool:
        """Whether the API seems to have deleted the conversation that the row is about."""
        is_absent = self.session_id is not None and self.status in DIFFERS
        return is_absent and self.heal_attempts >= ABSENCES_OF_A_DELETION

    def as_row(self) -> dict[str, Any]:
        """The row by column."""
        return asdict(self)


def evidence(
    totals: Sequence[DayTotals], counts: DayCounts, metric: Metric, zones: Sequence[str]
) -> list[Evidence]:
    """The final days that may prove a definition of `metric`: those with enough conversations.

    Not those of which conversations were erased.

    `zones` are those in which a day may be counted. Days of all channels if they are loaded, else
    each day of one channel.
    """
    channels = {day.channel for day in totals}
    found = []
    for day in totals:
        total, value = day.value([TOTAL]), day.value(metric.columns)
        if (ALL in channels and day.channel != ALL) or counts.has_erased(day.day):
            continue
        if day.is_final and value is not None and total is not None and total >= MIN_CONVERSATIONS:
            counted = {
                candidate: float(counts.counted(candidate, day.day, day.channel))
                for candidate in metric.candidates(zones)
            }
            found.append(Evidence(value, counted))
    return found


def verdicts(
    totals: Sequence[DayTotals],
    counts: DayCounts,
    zones: Sequence[str],
    known: Mapping[str, str],
) -> dict[str, Verdict]:
    """By metric, the definition that explains one bot's final days.

    `known` has, by metric, the words of the definition that was proven earlier.
    """
    found: dict[str, Verdict] = {}
    for metric in METRICS:
        days = evidence(totals, counts, metric, zones)
        leader = found.get(metric.leader) if metric.leader else None
        candidates = metric.candidates(zones)
        found[metric.name] = judge(metric, candidates, days, leader, known.get(metric.name))
    return found


def compared(
    bot_id: int,
    days: Iterable[DayTotals],
    counts: DayCounts,
    found: Mapping[str, Verdict],
    now: datetime,
) -> list[Comparison]:
    """The rows of some days of one bot, compared at `now` (UTC)."""
    rows = []
    for day in days:
        for metric in METRICS:
            verdict = found[metric.name]
            api_value = day.value(metric.columns)
            counted = float(counts.counted(verdict.chosen, day.day, day.channel))
            with_erased = counted + counts.most_erased(verdict.chosen, day.day)
            rows.append(
                Comparison(
                    bot_id,
                    day.day,
                    day.channel,
                    metric.name,
                    day.timezone,
                    api_value,
                    counted,
                    None if api_value is None else counted - api_value,
                    verdict.chosen.words,
                    _status(api_value, counted, with_erased, day.is_final, verdict),
                    now,
                    now,
                )
            )
        rows += _bounded(bot_id, day, flagged_of(day, counts, found), now)
    return rows


def flagged_of(day: DayTotals, counts: DayCounts, found: Mapping[str, Verdict]) -> int | None:
    """The conversations of a day that have guardrail events; None if that is not known.

    It is known of a final day if its conversations are proven to be counted by their own day, as
    guardrail events may then be, too, and if all of them were asked for.
    """
    total = found[TOTAL]
    if not (day.is_final and total.is_proven) or may_count_by_event(found):
        return None

    def counted(name: str) -> int:
        return counts.counted(replace(total.chosen, count=name), day.day, day.channel)

    is_asked = counted("conversations") > 0 and not counted("not_asked")
    return counted("flagged") if is_asked and not counts.has_erased(day.day) else None


def _status(
    api_value: float | None, counted: float, with_erased: float, is_final: bool, verdict: Verdict
) -> Status:
    if not is_final:
        return "settling"
    if api_value is None or not verdict.is_proven:
        return "unproven"
    if counted <= api_value <= with_erased:
        return "equal"
    return "missing" if counted < api_value else "extra"


def may_count_by_event(found: Mapping[str, Verdict]) -> bool:
    """Whether the API may count messages, and so other events, on the day of their own instant."""
    messages = found[MESSAGES]
    return not messages.is_proven or messages.chosen.basis == "sent"


def more_than_all(days: Iterable[DayTotals]) -> Iterator[tuple[date, str]]:
    """The final days whose single channels have more than all together, and what to say of them."""
    by_day: dict[date, dict[str, DayTotals]] = {}
    for day in days:
        if day.is_final:
            by_day.setdefault(day.day, {})[day.channel] = day
    for each, channels in by_day.items():
        whole = channels.pop(ALL, None)
        for name in (TOTAL, MESSAGES) if whole else ():
            most = whole.values.get(name) if whole else None
            parts = sum(day.values.get(name) or 0 for day in channels.values())
            if most is not None and parts > most:
                yield each, f"{name} is {most:g}, but its channels have {parts:g}"


def _bounded(bot_id: int, day: DayTotals, flagged: int | None, now: datetime) -> list[Comparison]:
    """The rows of metrics that cannot be counted: their value, and what bounds it."""
    counted = {bounds.GUARDRAILS: None if flagged is None else float(flagged)}
    return [
        Comparison(
            bot_id,
            day.day,
            day.channel,
            metric,
            day.timezone,
            value,
            counted.get(metric),
            None,
            words,
            "not_comparable",
            now,
            now,
        )
        for metric, value, words in bounds.values(day.values)
    ]


def not_loaded(bot_id: int, day: date, channel: str, timezone: str, now: datetime) -> Comparison:
    """The row of a day of which the table `analytics` has no totals."""
    return Comparison(
        bot_id, day, channel, TOTAL, timezone, None, None, None, NOT_LOADED, "unproven", now, now
    )


def with_history(
    rows: Iterable[Comparison], stored: Mapping[Key, Comparison], now: datetime
) -> list[Comparison]:
    """The rows with what `stored` knows of them: since when, attempts to heal, when healed."""
    return [_with_history(row, stored.get(row.key), now) for row in rows]


def _with_history(row: Comparison, before: Comparison | None, now: datetime) -> Comparison:
    if before is None:
        return row
    attempts, healed_at = max(row.heal_attempts, before.heal_attempts), before.healed_at
    if row.status in DIFFERS and before.status not in DIFFERS:
        attempts, healed_at = row.heal_attempts, None  # a new difference
    elif row.status == "equal" and before.status in DIFFERS and attempts:
        healed_at = now
    since = before.first_seen_at if row.status == before.status else row.first_seen_at
    return replace(row, first_seen_at=since, heal_attempts=attempts, healed_at=healed_at)


def is_stored(row: Comparison, before: Comparison | None) -> bool:
    """Whether a row is stored already, checked at any time."""
    return before is not None and replace(row, checked_at=before.checked_at) == before
