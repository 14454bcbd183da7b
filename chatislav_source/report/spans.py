"""The days that a report is about, and their weeks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WEEK = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=number) for number in range(self.days))

    @property
    def sql(self) -> str:
        """A condition on the column `day`."""
        return f"day BETWEEN DATE '{self.first}' AND DATE '{self.last}'"

    @property
    def weeks(self) -> list[Span]:
        """The weeks from Monday to Sunday, the first and the last cut to the days of the span."""
        found = []
        first = self.first
        while first <= self.last:
            last = min(monday_of(first) + 6 * DAY, self.last)
            found.append(Span(first, last))
            first = last + DAY
        return found

    @property
    def last_week(self) -> Span:
        """The last 7 days."""
        return Span(self.last - 6 * DAY, self.last)

    @property
    def week_before(self) -> Span | None:
        """The 7 days before the last 7; None if the span does not hold them."""
        before = Span(self.last - 13 * DAY, self.last - WEEK)
        return before if before.first >= self.first else None

    @property
    def recent(self) -> list[Span]:
        """The last 7 days and, if it is there, the week before."""
        return [self.last_week, *([self.week_before] if self.week_before else [])]


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def span_of(days: int, today: date, first: date, newest: date) -> Span | None:
    """The last `days` days that have ended and are loaded.

    `first` and `newest` are the ends of what is loaded; None if no day of it has ended.
    """
    last = min(today - DAY, newest)
    begin = max(first, last - timedelta(days=days - 1))
    return Span(begin, last) if begin <= last else None


def compared_weeks(loaded: Span, most: int) -> tuple[Span, Span] | None:
    """Whole weeks, and as many newer ones up to the newest; None if two are not loaded."""
    end = monday_of(loaded.last + DAY) - DAY  # a Sunday
    begin = monday_of(loaded.first + 6 * DAY)
    count = min(most, ((end - begin).days + 1) // 14)
    if count < 1:
        return None
    middle = end - count * WEEK
    return Span(middle - count * WEEK + DAY, middle), Span(middle + DAY, end)


def index_sql(families: Sequence[Sequence[Span]]) -> str:
    """The number of the span that `day` is in, from 0, counted on over the families of spans.

    The spans of a family do not overlap, those of several do: `family` says which is meant. Null
    if the day is in none.
    """
    conditions = (
        f"family = {place} AND {span.sql}" for place, spans in enumerate(families) for span in spans
    )
    cases = " ".join(f"WHEN {each} THEN {number}" for number, each in enumerate(conditions))
    return f"CASE {cases} END"


def in_families(families: Sequence[Sequence[Span]]) -> str:
    """A relation with the column `family`, a row for each."""
    return " UNION ALL ".join(f"SELECT {place} AS family" for place in range(len(families)))


def around(families: Sequence[Sequence[Span]]) -> Span:
    """The days of all spans."""
    spans = [span for spans in families for span in spans]
    return Span(min(span.first for span in spans), max(span.last for span in spans))
