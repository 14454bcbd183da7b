"""Windows cover each day exactly once; instants keep their value as text."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pendulum import UTC

from chatislav_source.streams.date_window import (
    DateWindow,
    coarser,
    days_of,
    merged,
    missing_days,
    utc_instant,
    utc_text,
)

FIRST_DAY = date(2024, 1, 1)
LAST_DAY = date(2027, 12, 31)
DAYS = st.dates(FIRST_DAY, LAST_DAY)


@st.composite
def closed_windows(draw: st.DrawFn, longest: int = 400) -> DateWindow:
    first_day = draw(DAYS)
    return DateWindow(first_day, first_day + timedelta(days=draw(st.integers(0, longest - 1))))


OPEN_WINDOWS = st.builds(DateWindow, DAYS, st.none())
WINDOWS = closed_windows() | OPEN_WINDOWS


def day_counts(windows: list[DateWindow]) -> Counter[date]:
    """How often the windows contain each day; windows without end count up to a late day."""
    far = LAST_DAY + timedelta(days=500)
    return Counter(day for w in windows for day in days_of(w.first_day, w.last_day or far))


@given(WINDOWS)
def test_a_window_survives_as_text(window: DateWindow) -> None:
    assert DateWindow.parse(str(window)) == window


@pytest.mark.parametrize(
    "text",
    ["", "/", "2026-06-01", "2026-06-01/", "/2026-06-01", "../2026-06-01", "a/b", "2026-06-31/.."],
)
def test_a_text_that_is_not_a_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window|isoformat|day is out of range"):
        DateWindow.parse(text)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        DateWindow.parse("2026-06-02/2026-06-01")


@given(WINDOWS, st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_a_window_ends_before_a_day_that_is_later_than_all_of_it(
    window: DateWindow, day: date
) -> None:
    is_over = window.last_day is not None and not any(
        each >= day for each in days_of(window.first_day, window.last_day)
    )

    assert window.ends_before(day) is is_over


@given(closed_windows())
def test_halves_cover_every_day_exactly_once(window: DateWindow) -> None:
    halves = window.halves()

    assert day_counts(halves) == day_counts([window])
    assert len(halves) == (1 if window.days == 1 else 2)


@given(closed_windows(longest=3000))
def test_halving_again_and_again_ends_with_single_days(window: DateWindow) -> None:
    windows, rounds = [window], 0
    while any(part.days > 1 for part in windows):
        windows, rounds = [half for part in windows for half in part.halves()], rounds + 1

    assert len(windows) == window.days
    assert rounds <= 12


@given(OPEN_WINDOWS)
def test_a_window_without_end_cannot_be_halved(window: DateWindow) -> None:
    assert window.halves() == [window]


@given(closed_windows(), st.integers(1, 500))
def test_taking_the_last_days_leaves_exactly_the_others(window: DateWindow, days: int) -> None:
    newest, rest = window.take_last(days)

    assert day_counts([newest, *([rest] if rest else [])]) == day_counts([window])
    assert newest.days == min(days, window.days)
    assert newest.last_day == window.last_day


@given(OPEN_WINDOWS, st.integers(1, 500))
def test_a_window_without_end_is_taken_as_a_whole(window: DateWindow, days: int) -> None:
    assert window.take_last(days) == (window, None)


@given(WINDOWS, st.integers(0, 40), DAYS)
def test_a_widened_window_contains_the_days_within_the_margin(
    window: DateWindow, days: int, day: date
) -> None:
    is_near = any(window.contains(day + timedelta(days=n)) for n in range(-days, days + 1))

    assert window.widened(days).contains(day) == is_near


@given(st.lists(WINDOWS, max_size=8))
def test_merged_windows_contain_the_same_days_once_each(windows: list[DateWindow]) -> None:
    result = merged(windows)

    assert set(day_counts(result)) == set(day_counts(windows))
    assert set(day_counts(result).values()) <= {1}


@given(st.lists(WINDOWS, max_size=8))
def test_merged_windows_do_not_touch_and_are_in_order(windows: list[DateWindow]) -> None:
    result = merged(windows)

    for before, after in pairwise(result):
        assert before.last_day is not None
        assert after.first_day - before.last_day > timedelta(days=1)


def test_adjacent_windows_are_merged_and_windows_a_day_apart_are_not() -> None:
    june = [DateWindow(date(2026, 6, day), date(2026, 6, day + 1)) for day in (6, 1, 3)]

    assert [str(window) for window in merged(june)] == [
        "2026-06-01/2026-06-04",
        "2026-06-06/2026-06-07",
    ]


def test_the_last_possible_date_can_be_merged() -> None:
    window = DateWindow(date(9999, 12, 30), date.max)

    assert merged([window, DateWindow(date.max, date.max)]) == [window]


@given(st.lists(closed_windows(longest=20) | OPEN_WINDOWS, max_size=40), st.integers(1, 12))
def test_coarser_windows_are_few_in_order_and_contain_at_least_the_same_days(
    windows: list[DateWindow], most: int
) -> None:
    result = coarser(windows, most)

    assert len(result) <= most
    assert result == sorted(result, key=lambda window: window.first_day)
    assert day_counts(result).keys() >= day_counts(windows).keys()
    assert [each.first_day for each in result[:1]] == sorted(w.first_day for w in windows)[:1]


@given(st.lists(closed_windows(longest=20), max_size=12))
def test_windows_that_are_few_enough_stay_as_they_are(windows: list[DateWindow]) -> None:
    assert set(coarser(windows, 12)) == set(windows)


def test_of_too_many_windows_neighbours_become_one() -> None:
    june = [DateWindow(date(2026, 6, day), date(2026, 6, day)) for day in (9, 1, 3, 5, 7)]

    assert [str(window) for window in coarser(june, 4)] == [
        "2026-06-01/2026-06-03",
        "2026-06-05/2026-06-07",
        "2026-06-09/2026-06-09",
    ]


@given(DAYS, st.integers(0, 60), st.lists(closed_windows(longest=20), max_size=5))
def test_a_day_is_missing_unless_a_window_contains_it(
    first_day: date, length: int, windows: list[DateWindow]
) -> None:
    last_day = first_day + timedelta(days=length)

    missing = missing_days(first_day, last_day, windows)

    present = day_counts(windows)
    assert missing == [day for day in days_of(first_day, last_day) if day not in present]


def test_no_day_is_missing_from_a_range_that_ends_before_it_begins() -> None:
    assert missing_days(date(2026, 6, 2), date(2026, 6, 1), []) == []


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
)
def test_an_instant_survives_as_text_to_the_second(naive: datetime, offset: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))

    text = utc_text(instant)

    assert text.endswith("Z")
    assert utc_instant(text) == instant.replace(microsecond=0)
    assert utc_instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-06-01T00:00:00", "2026-06-01", "soon", ""])
def test_an_instant_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not match format"):
        utc_instant(text)
