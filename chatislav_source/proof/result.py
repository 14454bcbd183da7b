"""What a verification found, per bot and for all of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from chatislav_source.proof.counts import DayCounts
from chatislav_source.proof.definitions import MESSAGES, TOTAL, Candidate
from chatislav_source.proof.reconciliation import DIFFERS, MAX_HEAL_ATTEMPTS, Comparison
from chatislav_source.proof.verdict import Verdict
from chatislav_source.streams.date_window import ALL, DateWindow, days_of, utc_text

KINDS = ("unexplained", "differs", "unproven", "settling", "equal")
"""Of days; a day is of the first kind that one of its rows has. An unexplained day still differs
after every attempt to heal it."""


@dataclass
class BotVerification:
    """The result for one bot: the rows of its days, and the definitions by metric.

    `yesterday` is the last day that has ended in `timezone`, the zone of the bot's analytics.
    """

    bot_id: int
    timezone: str
    yesterday: date
    rows: list[Comparison]
    verdicts: Mapping[str, Verdict]
    counts: DayCounts
    warnings: list[str] = field(default_factory=list)

    @property
    def days(self) -> dict[date, str]:
        """The kind of each day."""
        found: dict[date, set[str]] = {}
        for row in self.rows:
            found.setdefault(row.date, set()).add(kind_of(row.status, row.heal_attempts))
        return {day: worst(kinds) for day, kinds in sorted(found.items())}

    @property
    def is_sound(self) -> bool:
        """Whether nothing differs and nothing is unproven."""
        return set(self.days.values()) <= {"equal", "settling"}

    def number_of(self, kind: str) -> int:
        """How many days are of this kind; unexplained days also differ."""
        kinds = {kind, "unexplained"} if kind == "differs" else {kind}
        return sum(each in kinds for each in self.days.values())

    @property
    def differences(self) -> list[Comparison]:
        """The rows that differ."""
        return [row for row in self.rows if row.status in DIFFERS]

    def rows_in(self, window: DateWindow) -> int:
        """About how many conversations the API may list for a window."""
        last_day = window.last_day or window.first_day
        return sum(self._rows_of(day) for day in days_of(window.first_day, last_day))

    def _rows_of(self, day: date) -> int:
        candidates = (
            Candidate("created", "UTC", "conversations"),
            Candidate("activity", "UTC", "conversations"),
        )
        rows = [row for row in self.rows if row.date == day and row.metric == TOTAL]
        totals = [int(row.api_value or 0) for row in rows]
        return max([self.counts.counted(each, day, ALL) for each in candidates] + totals)

    @property
    def deletions(self) -> list[Comparison]:
        """The rows of conversations that the API seems to have deleted."""
        return [row for row in self.rows if row.is_deletion]

    @property
    def healed_days(self) -> int:
        """How many days are equal because they were read again."""
        return len({row.date for row in self.rows if row.status == "equal" and row.healed_at})

    @property
    def unproven(self) -> list[str]:
        """The metrics whose definition is not proven."""
        return [name for name, verdict in self.verdicts.items() if not verdict.is_proven]

    def of_yesterday(self, metric: str) -> tuple[float, float] | None:
        """What the tables hold of yesterday and what the API counts; None if it is not loaded."""
        rows = [row for row in self.rows if row.date == self.yesterday and row.metric == metric]
        of_all = [row for row in rows if row.channel == ALL] or rows
        pairs = [(row.counted_value, row.api_value) for row in of_all]
        known = [(one, other) for one, other in pairs if one is not None and other is not None]
        if not known or len(known) < len(pairs):
            return None
        return sum(one for one, _ in known), sum(other for _, other in known)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "bot_id": self.bot_id,
            "timezone": self.timezone,
            "days": len(self.days),
            **{kind: self.number_of(kind) for kind in reversed(KINDS)},
            "healed": self.healed_days,
            "definitions": [definition_row(self.bot_id, each) for each in self.verdicts.values()],
            "differences": [_as_json(row) for row in self.differences],
            "warnings": self.warnings,
        }


@dataclass
class Verification:
    """The result for all bots; `requests` counts those that healing has sent."""

    bots: list[BotVerification]
    requests: int = 0

    @property
    def is_true(self) -> bool:
        """Whether every definition is proven, every day equal or settling, and there is a day."""
        kinds = {kind for bot in self.bots for kind in bot.days.values()}
        is_proven = not any(bot.unproven for bot in self.bots)
        return is_proven and bool(kinds) and kinds <= {"equal", "settling"}

    @property
    def is_yesterday_true(self) -> bool:
        """Whether yesterday has the API's conversations and messages, by proven definitions."""
        pairs = [bot.of_yesterday(metric) for bot in self.bots for metric in (TOTAL, MESSAGES)]
        is_equal = all(pair is not None and pair[0] == pair[1] for pair in pairs)
        return bool(pairs) and is_equal and not self._is_yesterday_unproven

    @property
    def _is_yesterday_unproven(self) -> bool:
        return any({TOTAL, MESSAGES} & set(bot.unproven) for bot in self.bots)

    @property
    def sentence(self) -> str:
        """One sentence on yesterday."""
        pairs = {
            metric: [bot.of_yesterday(metric) for bot in self.bots] for metric in (TOTAL, MESSAGES)
        }
        if not self.bots or any(None in found for found in pairs.values()):
            return "Yesterday's totals are not loaded yet, so nothing can be said of it."
        numbers = ", ".join(
            f"{_sum(found, 0):,} of {_sum(found, 1):,} {name}"
            for name, found in zip(("conversations", "messages"), pairs.values(), strict=True)
        )
        if self._is_yesterday_unproven:
            return f"How the API counts is not proven yet. Yesterday, by the best guess: {numbers}."
        if self.is_yesterday_true:
            return f"Yesterday is complete and true: {numbers}."
        return f"Yesterday differs from the API's totals, which may be settling: {numbers}."

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "is_true": self.is_true,
            "yesterday": {"is_true": self.is_yesterday_true, "text": self.sentence},
            "bots": [bot.as_dict() for bot in self.bots],
            "requests": self.requests,
        }


def definition_row(bot_id: int, verdict: Verdict) -> dict[str, Any]:
    """The row of `definitions`, without `checked_at`."""
    next_best = verdict.next_best
    return {
        "bot_id": bot_id,
        "metric": verdict.metric,
        "definition": verdict.chosen.words,
        "days": verdict.days,
        "days_equal": verdict.days_equal,
        "next_best": next_best.words if next_best else None,
        "next_best_equal": verdict.next_best_equal,
        "verdict": "proven" if verdict.is_proven else "unproven",
        "proven_by": verdict.proven_by,
    }


def kind_of(status: str, heal_attempts: int) -> str:
    """The kind of day that a row of `reconciliation` makes."""
    if status in DIFFERS:
        return "unexplained" if heal_attempts >= MAX_HEAL_ATTEMPTS else "differs"
    return "equal" if status == "not_comparable" else status


def worst(kinds: Collection[str]) -> str:
    """The kind of a day whose rows are of these kinds."""
    return next(kind for kind in KINDS if kind in kinds)


def _sum(pairs: Iterable[tuple[float, float] | None], place: int) -> int:
    return round(sum(pair[place] for pair in pairs if pair))


def _as_json(row: Comparison) -> dict[str, Any]:
    values = asdict(row)
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = utc_text(value)
        elif isinstance(value, date):
            values[name] = str(value)
    return values | {"unexplained": row.is_unexplained}


def zone_of_rows(days: Sequence[tuple[date, str]]) -> str:
    """The zone to verify in, of days with their zones: that of the newest day.

    A bot may have analytics in several zones; of those with the newest day the one with most days.
    """
    newest = max(day for day, _ in days)
    zones = [zone for _, zone in days]
    return min({zone for day, zone in days if day == newest}, key=lambda z: (-zones.count(z), z))
