"""Numbers, days and seconds as short English text. Pure."""

from __future__ import annotations

from datetime import date

from chatislav_source.report.queries import LEAST_PEOPLE
from chatislav_source.report.spans import Span

NOTHING = "–"
UNDER = f"under {LEAST_PEOPLE}"
FEW = f"fewer than {LEAST_PEOPLE} people"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def count(number: float) -> str:
    """A whole number."""
    return f"{round(number):,}"


def percent(share: float | None) -> str:
    """A share of 0 to 1."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def decimal(number: float | None) -> str:
    """A number with one or two digits after the point."""
    if number is None:
        return NOTHING
    return f"{number:,.2f}" if abs(number) < 10 else f"{number:,.1f}"


def seconds(number: float | None) -> str:
    """A length of time, in its two largest units."""
    if number is None:
        return NOTHING
    whole = round(number)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def day(when: date) -> str:
    """A day with its month."""
    return f"{when.day} {when:%b}"


def day_and_year(when: date) -> str:
    """A day with its month and year."""
    return f"{when.day} {when:%b %Y}"


def range_of(span: Span) -> str:
    """The ends of a span, without a year."""
    return day(span.first) if span.days == 1 else f"{day(span.first)} – {day(span.last)}"


def block(first_hour: int, hours_together: int) -> str:
    """A few hours of a day, by the first one and the one that no longer counts."""
    return f"{first_hour:02}–{first_hour + hours_together:02}"


def plural(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
