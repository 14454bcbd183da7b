"""Periods of whole days: calendar weeks, months and quarters, and trailing days; pure.

The days are local dates of a zone, so a change of the clock moves no border.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from chatislav_source.streams.date_window import ONE_DAY, days_of

TRAILING_DAYS = {"last_7_days": 7, "last_28_days": 28}
MONTHS = {"month": 1, "quarter": 3}
WEEK_DAYS = 7


@dataclass(frozen=True, order=True)
class Period:
    """A period from `first_day` to `last_day`, both included."""

    name: str
    first_day: date
    last_day: date


def period_at(name: str, day: date) -> Period:
    """The week (from Monday), month or quarter that has `day`, or the days that end with it.

    `name` is one of `config.ANALYTICS_PERIODS`.
    """
    if name in TRAILING_DAYS:
        return Period(name, day - timedelta(days=TRAILING_DAYS[name] - 1), day)
    if name == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(name, monday, monday + timedelta(days=WEEK_DAYS - 1))
    months = MONTHS[name]
    first_month = day.month - (day.month - 1) % months
    next_month = first_month + months
    first_after = date(day.year + next_month // 13, (next_month - 1) % 12 + 1, 1)
    return Period(name, date(day.year, first_month, 1), first_after - ONE_DAY)


def periods_of(name: str, first_day: date, last_day: date, today: date) -> Iterator[Period]:
    """The periods that have a day from `first_day` to `last_day`, both included, oldest first.

    Only those that have begun by `today`, included; trailing days must have come to their last one.
    None if no day of the range has come.
    """
    last_end = min(last_day, today)
    if name in TRAILING_DAYS:
        ends = last_day + timedelta(days=TRAILING_DAYS[name] - 1)
        for day in days_of(first_day, min(ends, today)):
            yield period_at(name, day)
        return
    day = first_day
    while day <= last_end:
        period = period_at(name, day)
        yield period
        day = period.last_day + ONE_DAY
