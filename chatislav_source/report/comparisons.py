"""The last 7 days beside the 7 before, and what of it is more than chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from chatislav_source.report.definitions import value
from chatislav_source.report.facts import Facts, Sums
from chatislav_source.report.formats import FEW, NOTHING, count, decimal, percent, seconds
from chatislav_source.report.queries import GROUPS, LEAST_PEOPLE
from chatislav_source.report.spans import Span

BEYOND_CHANCE = 2.58
"""Standard errors; a change of that size comes about by chance once in a hundred times."""

LEAST_VOLUME_CHANGE = 0.1
LEAST_RATE_CHANGE = 0.02
LEAST_COMPARED = 30
"""Conversations in each of two weeks, below which chance explains nearly everything."""


@dataclass(frozen=True)
class Shown:
    """A value of a span: the number, None where there is none, and its text."""

    number: float | None
    text: str


@dataclass(frozen=True)
class Compared:
    """A value of the last 7 days, of the 7 before, and the change as text."""

    name: str
    label: str
    now: Shown
    before: Shown
    change: str = NOTHING
    is_beyond_chance: bool = False


LABELS = {
    "conversations": "Conversations",
    "resolution_rate_decided": "Resolved, of decided",
    "resolution_rate_all": "Resolved, of all",
    "containment_rate": "Contained",
    "takeover_rate": "Taken over",
    "first_response_seconds": "First response (p50)",
    "csat": "CSAT",
    "negative_share": "Negative sentiment",
    "abandoned_share": "Abandoned",
    "messages_per_conversation": "Messages per conversation",
}


def group_of(denominator: str) -> str:
    """The group of `queries.GROUPS` that a denominator counts."""
    name = denominator.removeprefix("sum(").removesuffix(")")
    return name if name in GROUPS else "conversations"


def is_shown(facts: Facts, name: str, span: Span) -> bool:
    """Whether enough people are behind a value of `chatislav__daily` of a week."""
    group = group_of(value(name).denominator or value(name).numerator)
    return facts.people.get((span, group), 0) >= LEAST_PEOPLE


def rate(facts: Facts, name: str, span: Span) -> float | None:
    """A value of a week; None if too few people are behind it."""
    sums = facts.sums_of(name)
    if sums is None or not is_shown(facts, name, span):
        return None
    return sums.of(name, span)


def compared(facts: Facts) -> list[Compared]:
    """Every value of `LABELS`."""
    if facts.span is None:
        return []
    asked = {name: facts.sums_of(name) for name in LABELS}
    return [_compared(facts, sums, facts.span, name) for name, sums in asked.items() if sums]


def z_of_rates(part: float, whole: float, other_part: float, other_whole: float) -> float:
    """By how many standard errors two shares differ; 0 if they are of too few."""
    if min(whole, other_whole) < LEAST_COMPARED:
        return 0
    pooled = (part + other_part) / (whole + other_whole)
    error = sqrt(pooled * (1 - pooled) * (1 / whole + 1 / other_whole))
    return (part / whole - other_part / other_whole) / error if error else 0


def z_of_counts(number: float, other: float) -> float:
    """By how many standard errors two counts differ; 0 if they are of too few."""
    total = number + other
    return (number - other) / sqrt(total) if total >= 2 * LEAST_COMPARED else 0


def _compared(facts: Facts, sums: Sums, span: Span, name: str) -> Compared:
    now = _shown(facts, name, span.last_week)
    before = _shown(facts, name, span.week_before) if span.week_before else Shown(None, NOTHING)
    found = Compared(name, LABELS[name], now, before)
    if now.number is None or before.number is None or span.week_before is None:
        return found
    change = _change(name, now.number, before.number)
    z = _z(sums, name, span.last_week, span.week_before)
    is_large = _is_large(name, now.number, before.number)
    return Compared(name, LABELS[name], now, before, change, is_large and abs(z) >= BEYOND_CHANCE)


def _is_large(name: str, now: float, before: float) -> bool:
    """Whether a change matters, however certain it is."""
    if name == "conversations":
        return abs(now - before) >= LEAST_VOLUME_CHANGE * before
    return abs(now - before) >= LEAST_RATE_CHANGE


def _shown(facts: Facts, name: str, span: Span) -> Shown:
    if name == "first_response_seconds":
        found = facts.response.get(span)
        if found is None or found.people < LEAST_PEOPLE:
            return Shown(None, FEW if found else NOTHING)
        return Shown(found.p50, seconds(found.p50))
    number = rate(facts, name, span)
    if number is None:
        return Shown(None, NOTHING if is_shown(facts, name, span) else FEW)
    if name == "conversations":
        return Shown(number, count(number))
    text = decimal(number) if name == "messages_per_conversation" else percent(number)
    return Shown(number, text)


def _change(name: str, now: float, before: float) -> str:
    if name in ("conversations", "messages_per_conversation"):
        return _signed(f"{100 * (now - before) / before:+.0f} %") if before else NOTHING
    if name == "first_response_seconds":
        return _signed(("+" if now >= before else "-") + seconds(abs(now - before)))
    return _signed(f"{100 * (now - before):+.1f} pts")


def _signed(text: str) -> str:
    """The text with a true minus sign, and without a sign if it is zero."""
    is_zero = not any(digit in text for digit in "123456789")
    return text[1:] if is_zero else text.replace("-", "−")


def _z(sums: Sums, name: str, now: Span, before: Span) -> float:
    asked = value(name)
    if name == "conversations":
        return z_of_counts(sums.total(asked.numerator, now), sums.total(asked.numerator, before))
    if name in ("first_response_seconds", "messages_per_conversation"):
        return 0
    return z_of_rates(
        sums.total(asked.numerator, now),
        sums.total(asked.denominator, now),
        sums.total(asked.numerator, before),
        sums.total(asked.denominator, before),
    )
