"""What to look at is more than chance, and large enough to matter."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chatislav_source.report.comparisons import compared, z_of_counts, z_of_rates
from chatislav_source.report.definitions import value
from chatislav_source.report.facts import DAILY, Bot, Facts, Sums
from chatislav_source.report.findings import findings
from chatislav_source.report.queries import GROUPS
from chatislav_source.report.spans import Span

LAST = date(2026, 11, 14)
SPAN = Span(LAST - timedelta(days=13), LAST)


def facts(now: dict[str, float], before: dict[str, float], people: int = 50) -> Facts:
    """Two weeks, each with these sums on its last day."""
    expressions = [e for n in DAILY for e in (value(n).numerator, value(n).denominator) if e]
    names = tuple(dict.fromkeys(expressions))
    rows = tuple(
        (day, "widget", tuple(sums.get(name[4:-1], 0.0) for name in names))
        for day, sums in ((LAST, now), (LAST - timedelta(days=7), before))
    )
    of_all = {(span, group): people for span in (*SPAN.recent, SPAN) for group in GROUPS}
    bots = [Bot(1, SPAN.first, LAST, 400), Bot(2, SPAN.first, LAST - timedelta(days=9), 3)]
    channels = {"widget": dict.fromkeys(GROUPS, people)}
    return Facts(bots, SPAN, "UTC", Sums(names, rows), people=of_all, channels=channels)


def of(conversations: float, decided: float, resolved: float) -> dict[str, float]:
    return {
        "conversations": conversations,
        "decided_conversations": decided,
        "resolved_conversations": resolved,
        "messages": 8 * conversations,
    }


def test_a_rate_that_fell_by_more_than_chance_is_named_first_after_silent_bots() -> None:
    found = findings(facts(of(200, 200, 100), of(200, 200, 150)))

    assert [each.text for each in found] == [
        "Bot 2 has had no new conversation since 5 Nov 2026.",
        "Resolved, of decided fell from 75.0 % to 50.0 % in the last 7 days, more than chance "
        "explains.",
        "Resolved, of all fell from 75.0 % to 50.0 % in the last 7 days, more than chance "
        "explains.",
    ]
    assert [each.anchor for each in found] == ["volume", "week", "week"]


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (of(20, 20, 2), of(20, 20, 18)),  # too few to say
        (of(200, 200, 145), of(200, 200, 150)),  # chance
        (of(200_000, 200_000, 149_000), of(200_000, 200_000, 150_000)),  # certain, but nothing
    ],
)
def test_chance_and_trifles_are_left_out(now: dict[str, float], before: dict[str, float]) -> None:
    assert [each.anchor for each in findings(facts(now, before))] == ["volume"]


def test_a_week_of_few_people_shows_no_rate() -> None:
    week = {each.name: each for each in compared(facts(of(9, 9, 5), of(9, 9, 5), people=4))}

    assert week["resolution_rate_decided"].now.number is None
    assert week["resolution_rate_decided"].now.text == "fewer than 5 people"
    assert week["conversations"].now.text == "fewer than 5 people"


def test_standard_errors_are_those_of_the_textbook() -> None:
    assert z_of_rates(60, 100, 40, 100) == pytest.approx(2.828, abs=0.001)
    assert z_of_rates(6, 10, 4, 10) == 0
    assert z_of_counts(130, 70) == pytest.approx(4.243, abs=0.001)
