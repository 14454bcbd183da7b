"""The length of the next window, from the rows of earlier ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.streams.conversations.window_sizer import (
    FIRST_WINDOW_DAYS,
    MAX_WINDOW_DAYS,
    ROWS_PER_WINDOW,
    WindowSizer,
    days_for,
)

per_day = st.floats(min_value=0.01, max_value=1e6)


def test_a_bot_without_earlier_syncs_begins_with_short_windows() -> None:
    assert WindowSizer(None, 90, 8).window_days == FIRST_WINDOW_DAYS


@pytest.mark.parametrize(
    ("days", "at_once", "window_days"),
    [
        pytest.param(31, 8, 8, id="enough windows for all requests"),
        pytest.param(31, 2, 16, id="a month in two halves"),
        pytest.param(31, 1, 16, id="not longer than that"),
        pytest.param(33, 2, 8, id="more than a month"),
        pytest.param(3, 2, 8, id="a few days"),
    ],
)
def test_up_to_a_month_of_a_new_bot_is_split_among_parallel_windows(
    days: int, at_once: int, window_days: int
) -> None:
    assert WindowSizer(None, days, at_once).window_days == window_days


@given(rows=per_day)
def test_a_bot_with_earlier_syncs_begins_with_windows_of_about_ten_pages(rows: float) -> None:
    days = WindowSizer(rows, 90, 8).window_days

    assert 1 <= days <= MAX_WINDOW_DAYS
    if 1 < days < MAX_WINDOW_DAYS:
        assert ROWS_PER_WINDOW / 2 < days * rows <= ROWS_PER_WINDOW


@given(rows=st.integers(0, 10**6), days=st.integers(1, 32))
def test_after_a_window_the_next_is_at_most_four_times_as_long(rows: int, days: int) -> None:
    sizer = WindowSizer(None, 90, 8)

    sizer.observe_window(rows, days)

    assert sizer.window_days == min(days_for(rows / days), 4 * days)


@given(rows=st.integers(1, 10**6), days=st.integers(1, 32))
def test_a_window_of_several_pages_never_makes_the_next_longer(rows: int, days: int) -> None:
    sizer = WindowSizer(None, 90, 8)

    sizer.observe_first_page(rows, days)

    assert sizer.window_days == min(FIRST_WINDOW_DAYS, days_for(rows / days))


@pytest.mark.parametrize(("rows", "is_high"), [(1_000, True), (400, False)])
def test_the_sizer_is_high_if_a_day_fills_a_window(rows: int, is_high: bool) -> None:
    sizer = WindowSizer(None, 90, 8)

    sizer.observe_first_page(rows, 1)

    assert sizer.is_high is is_high


def test_the_average_is_of_all_windows_and_none_before_the_first() -> None:
    sizer = WindowSizer(5.0, 90, 8)
    assert sizer.rows_per_day is None

    sizer.observe_window(10, 4)
    sizer.observe_window(50, 8)

    assert sizer.rows_per_day == 5.0
