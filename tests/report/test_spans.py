"""The days of a report, its weeks, and the weeks whose words are compared."""

from __future__ import annotations

from datetime import date, timedelta

from chatislav_source.report.facts import word_weeks
from chatislav_source.report.spans import Span, compared_weeks, span_of

FRIDAY = date(2026, 11, 13)


def test_a_report_ends_with_the_last_day_that_has_ended_and_is_loaded() -> None:
    first = date(2026, 1, 1)

    assert span_of(28, FRIDAY, first, FRIDAY) == Span(date(2026, 10, 16), date(2026, 11, 12))
    assert span_of(28, FRIDAY, first, date(2026, 11, 3)) == Span(
        date(2026, 10, 7), date(2026, 11, 3)
    )
    assert span_of(28, FRIDAY, date(2026, 11, 10), FRIDAY) == Span(
        date(2026, 11, 10), date(2026, 11, 12)
    )
    assert span_of(28, FRIDAY, FRIDAY, FRIDAY) is None


def test_weeks_begin_on_mondays_and_hold_every_day_once() -> None:
    span = Span(date(2026, 10, 1), FRIDAY)

    weeks = span.weeks

    assert [day for week in weeks for day in week] == list(span)
    assert all(week.first.weekday() == 0 for week in weeks[1:])
    assert all(week.last.weekday() == 6 for week in weeks[:-1])


def test_a_week_is_compared_only_with_a_whole_week_before() -> None:
    assert Span(FRIDAY - timedelta(days=13), FRIDAY).week_before == Span(
        FRIDAY - timedelta(days=13), FRIDAY - timedelta(days=7)
    )
    assert Span(FRIDAY - timedelta(days=12), FRIDAY).week_before is None


def test_words_are_compared_between_equal_numbers_of_whole_weeks() -> None:
    loaded = Span(date(2026, 10, 1), FRIDAY)  # whole weeks from 5 October to 8 November

    assert compared_weeks(loaded, most=4) == (
        Span(date(2026, 10, 12), date(2026, 10, 25)),
        Span(date(2026, 10, 26), date(2026, 11, 8)),
    )
    assert compared_weeks(loaded, most=1) == (
        Span(date(2026, 10, 26), date(2026, 11, 1)),
        Span(date(2026, 11, 2), date(2026, 11, 8)),
    )
    assert compared_weeks(Span(date(2026, 11, 3), FRIDAY), most=4) is None


def test_words_are_of_fewer_weeks_where_these_have_enough_conversations() -> None:
    assert [word_weeks(n, days=90) for n in (0, 100_000, 300_000, 1_000_000)] == [4, 4, 3, 1]
