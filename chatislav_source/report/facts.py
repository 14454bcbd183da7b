"""Asks the models, and holds what they answered as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from math import ceil
from typing import Any

from chatislav_source.report import queries
from chatislav_source.report.definitions import Value, value
from chatislav_source.report.spans import DAY, Span, around, compared_weeks, span_of

Ask = Callable[[str], list[tuple[Any, ...]] | None]
"""The rows of a query on the models; None if a table that it needs is not loaded."""

DAILY = (
    *("conversations", "messages_per_conversation", "resolution_rate_decided"),
    *("resolution_rate_all", "takeover_rate", "containment_rate", "csat"),
    *("rating_coverage", "positive_share", "neutral_share", "negative_share"),
)
ABANDONED = "abandoned_share"  # needs messages, so it is asked for the last two weeks only
CREDITS = ("credits_per_conversation", "credits_per_resolution")
FIRST_RESPONSE = "first_response_seconds"
MOST_WORD_WEEKS = 4
ENOUGH_FOR_WORDS = 50_000  # conversations, of which fewer than `MOST_WORD_WEEKS` weeks tell as much
HOURS_TOGETHER = (1, 2, 3)
MOST_DAYS_SHOWN = 120  # above, volume is shown by week
LEAST_TOLD = 0.5  # of people, in channels of days that are not folded
ENOUGH_PER_CELL = 12  # conversations, so that most cells have the people to be shown


@dataclass(frozen=True)
class Sums:
    """Sums by key (a day and, if any, a channel), in the order of `expressions`."""

    expressions: tuple[str, ...]
    rows: tuple[tuple[date, str, tuple[float, ...]], ...]

    def total(self, expression: str, span: Span, channels: Sequence[str] | None = None) -> float:
        """The sum of an expression over days, in these channels; None is all of them."""
        place = self.expressions.index(expression)
        return sum(
            numbers[place]
            for day, channel, numbers in self.rows
            if day in span and (channels is None or channel in channels)
        )

    def of(self, name: str, span: Span, channels: Sequence[str] | None = None) -> float | None:
        """The value of that name over days; None if its denominator is 0."""
        asked = value(name)
        upper = self.total(asked.numerator, span, channels)
        if not asked.denominator:
            return upper
        lower = self.total(asked.denominator, span, channels)
        return upper / lower if lower else None


@dataclass(frozen=True)
class Percentiles:
    """p50 and p90 of some values, in seconds, with the number of values and of people."""

    p50: float
    p90: float
    number: int
    people: int


@dataclass(frozen=True)
class Word:
    """A word with the conversations that had it."""

    word: str
    before: int
    now: int


@dataclass(frozen=True)
class Words:
    """Words that grew from some weeks to as many later ones, the most grown first."""

    before: Span
    now: Span
    total_before: int
    total_now: int
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Bot:
    """A bot and the ends of what is loaded of it."""

    bot_id: int
    first_day: date
    last_day: date
    conversations: int


People = dict[str, dict[str, int]]
"""By channel, the people of each group of `queries.GROUPS`."""


@dataclass(frozen=True)
class Steps:
    """The days or weeks of the chart of volume, their people, and those of each channel."""

    spans: list[Span]
    people: dict[Span, int]
    channels: dict[Span, dict[str, int]]
    unit: str

    @property
    def told_share(self) -> float:
        """The share of people in channels that need not be folded."""
        cells = [people for of_step in self.channels.values() for people in of_step.values()]
        told = sum(people for people in cells if people >= queries.LEAST_PEOPLE)
        return told / sum(cells) if cells else 1


@dataclass(frozen=True)
class Facts:
    """Everything that a report shows; what could not be asked is None or empty."""

    bots: list[Bot]
    span: Span | None
    timezone: str
    daily: Sums | None = None
    credits: Sums | None = None
    people: dict[tuple[Span, str], int] = field(default_factory=dict)
    channels: People = field(default_factory=dict)
    steps: Steps | None = None
    response: dict[Span, Percentiles] = field(default_factory=dict)
    hours_together: int = 1
    hours: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    words: Words | None = None
    verified: list[tuple[Any, ...]] | None = None
    abandoned: Sums | None = None

    def sums_of(self, name: str) -> Sums | None:
        """The sums that the value of that name needs; of `ABANDONED` they are of two weeks."""
        return self.abandoned if name == ABANDONED else self.daily


def ask_all(
    ask: Ask, timezone: str, days: int, today: date, kept_from: Mapping[int, date] | None = None
) -> Facts:
    """The facts of the last `days` days that have ended before `today`, a day in `timezone`.

    `kept_from` has, by bot, the day up to which `retention_days` has deleted conversations: it and
    the days before it are not shown, as only some of their conversations are left.
    """
    bots = [_complete_bot(row, kept_from or {}) for row in ask(queries.BOTS) or []]
    span = _loaded_span(ask, bots, days, today)
    if span is None:
        return Facts(bots, None, timezone)
    abandoned = _sums(
        ask, [value(ABANDONED)], around([span.recent]), "day, channel", queries.ABANDONED
    )
    daily = abandoned and _sums(
        ask, [value(name) for name in DAILY], span, "day, channel", queries.DAY_COUNTS
    )
    conversations = daily.total("sum(conversations)", span) if daily else 0
    together = _hours_together(conversations)
    return Facts(
        bots,
        span,
        timezone,
        daily,
        _sums(ask, [value(name) for name in CREDITS], span, "day"),
        _people(ask, span),
        _people_of_channels(ask, span),
        _steps(ask, span),
        _percentiles(ask, span),
        together,
        {(int(r[0]), int(r[1])): (r[2], r[3]) for r in ask(queries.hours(span, together)) or []},
        _words(ask, bots, span.last),
        ask(queries.verified(span)),
        abandoned,
    )


def _complete_bot(row: tuple[Any, ...], kept_from: Mapping[int, date]) -> Bot:
    bot = Bot(int(row[0]), *row[1:])
    if bot.bot_id not in kept_from:
        return bot
    return replace(bot, first_day=max(bot.first_day, kept_from[bot.bot_id] + DAY))


def _loaded_span(ask: Ask, bots: list[Bot], days: int, today: date) -> Span | None:
    if not bots:
        return None
    (newest,) = (ask(queries.NEWEST_ANALYTICS_DAY) or [(None,)])[0]
    last_days = [bot.last_day for bot in bots] + ([newest] if newest else [])
    return span_of(days, today, min(bot.first_day for bot in bots), max(last_days))


def _sums(
    ask: Ask, values: list[Value], span: Span, keys: str, model: str | None = None
) -> Sums | None:
    query, expressions = queries.sums(values, span, keys, model)
    rows = ask(query)
    if rows is None:
        return None
    keyed = len(keys.split(", "))
    found = [
        (row[0], str(row[1]) if keyed > 1 else "", tuple(n or 0 for n in row[keyed:]))
        for row in rows
    ]
    return Sums(tuple(expressions), tuple(sorted(found)))


def _people(ask: Ask, span: Span) -> dict[tuple[Span, str], int]:
    """The people of each group of `queries.GROUPS`, by week, of the last 7 days and before."""
    families = [span.weeks, span.recent, [span]]
    spans = list(chain(*families))
    return {
        (spans[int(row[0])], group): people
        for row in ask(queries.people_by_span(families)) or []
        for group, people in zip(queries.GROUPS, row[1:], strict=False)
    }


def _people_of_channels(ask: Ask, span: Span) -> People:
    """The people of each group of `queries.GROUPS`, by channel."""
    rows = ask(queries.people_by_channel(span)) or []
    return {str(row[0]): dict(zip(queries.GROUPS, row[1:], strict=False)) for row in rows}


def _steps(ask: Ask, span: Span) -> Steps:
    """Days with their people; weeks in long reports, or if most channels of days have too few."""
    days = [Span(day, day) for day in span]
    if span.days <= MOST_DAYS_SHOWN:
        found = _steps_of(ask, days, "Day")
        if found.told_share >= LEAST_TOLD:
            return found
    return _steps_of(ask, span.weeks, "Week")


def _steps_of(ask: Ask, spans: list[Span], unit: str) -> Steps:
    rows = ask(queries.people_by_step(spans, "span")) or []
    people = {spans[int(row[0])]: row[1] for row in rows}
    cells: dict[Span, dict[str, int]] = {}
    for number, channel, of_cell in ask(queries.people_by_step(spans, "span, channel")) or []:
        cells.setdefault(spans[int(number)], {})[str(channel)] = of_cell
    return Steps(spans, people, cells, unit)


def _percentiles(ask: Ask, span: Span) -> dict[Span, Percentiles]:
    """Those of the first response, by week, of the last 7 days and before."""
    families = [span.weeks, span.recent]
    spans = list(chain(*families))
    rows = ask(queries.percentiles(value(FIRST_RESPONSE), families)) or []
    return {
        spans[int(number)]: Percentiles(p50 / 100, p90 / 100, count, people)
        for number, p50, p90, count, people in rows
    }


def _hours_together(conversations: float) -> int:
    """How many hours make a cell, so that most cells are shown."""
    for together in HOURS_TOGETHER:
        if conversations / (7 * 24 / together) >= ENOUGH_PER_CELL:
            return together
    return HOURS_TOGETHER[-1]


def word_weeks(conversations: int, days: int) -> int:
    """How many weeks are compared with as many before, if so many conversations are of `days`."""
    of_week = 7 * conversations / days
    return min(ceil(ENOUGH_FOR_WORDS / max(of_week, 1)), MOST_WORD_WEEKS)


def _words(ask: Ask, bots: list[Bot], last: date) -> Words | None:
    loaded = Span(min(bot.first_day for bot in bots), last)
    weeks = word_weeks(sum(bot.conversations for bot in bots), loaded.days)
    compared = compared_weeks(loaded, weeks)
    if compared is None:
        return None
    rows = ask(queries.people_by_span([compared])) or []
    totals = {int(row[0]): int(row[-1]) for row in rows}
    before, now = totals.get(0, 0), totals.get(1, 0)
    found = ask(queries.words(*compared, before, now))
    if found is None:
        return None
    return Words(*compared, before, now, tuple(Word(*row) for row in found))
