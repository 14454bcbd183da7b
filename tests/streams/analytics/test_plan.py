"""Which days of analytics a run reads: every day that is not final, exactly once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.streams.analytics.plan import days_to_read, is_final, sync_requests
from chatislav_source.streams.analytics.state import fresh
from tests.streams.analytics.runs import API, FIRST_DAY, TODAY, day, requests_of, run


@pytest.mark.parametrize(
    ("lookback", "last_final"), [(0, day(22)), (1, day(21)), (7, day(15)), (30, date(2026, 5, 23))]
)
def test_a_day_is_final_when_it_and_its_lookback_have_passed(
    lookback: int, last_final: date
) -> None:
    assert is_final(last_final, TODAY, lookback)
    assert not is_final(last_final + timedelta(days=1), TODAY, lookback)
    assert not is_final(TODAY, TODAY, lookback)


def test_the_first_sync_reads_every_day_and_today_too() -> None:
    days = days_to_read(None, FIRST_DAY, TODAY, TODAY, 7)

    assert days == [day(number) for number in range(1, 24)]


def test_later_syncs_read_the_lookback_and_missing_days() -> None:
    series = {"final": ["2026-06-02/2026-06-05", "2026-06-07/2026-06-15"], "digests": {}}

    days = days_to_read(series, FIRST_DAY, TODAY, TODAY, 7)

    assert days == [day(1), day(6), *(day(number) for number in range(16, 24))]


def test_a_longer_lookback_reads_days_again_that_were_final() -> None:
    series = {"final": ["2026-06-01/2026-06-15"], "digests": {}}

    days = days_to_read(series, FIRST_DAY, TODAY, TODAY, 10)

    assert days == [day(number) for number in range(13, 24)]


def test_future_days_are_not_read() -> None:
    assert days_to_read(None, day(22), day(30), TODAY, 7) == [day(22), TODAY]
    assert days_to_read(None, day(25), day(30), TODAY, 7) == []


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=4),
    st.integers(0, 60),
    st.integers(0, 70),
    st.integers(0, 40),
)
def test_exactly_the_days_that_are_not_final_are_read_each_once(
    windows: list[tuple[int, int]], first: int, last: int, lookback: int
) -> None:
    start = TODAY - timedelta(days=60)
    final = {start + timedelta(days=a + n) for a, length in windows for n in range(length + 1)}
    texts = [
        f"{start + timedelta(days=a)}/{start + timedelta(days=a + length)}" for a, length in windows
    ]
    first_day, last_day = start + timedelta(days=first), start + timedelta(days=last)

    days = days_to_read({"final": texts}, first_day, last_day, TODAY, lookback)

    every_day = [start + timedelta(days=n) for n in range(61)]
    assert days == [
        day
        for day in every_day
        if first_day <= day <= last_day
        and not (day in final and day < TODAY - timedelta(days=lookback))
    ]


def test_each_channel_and_zone_has_a_series_of_its_own() -> None:
    state = run(fresh(123, API), TODAY, set()).state

    in_zone = sync_requests(state, ["all"], "Europe/Belgrade", (FIRST_DAY, TODAY), TODAY, 7)
    of_channel = sync_requests(state, ["widget"], "UTC", (FIRST_DAY, TODAY), TODAY, 7)

    assert len(in_zone) == len(of_channel) == 23
    assert len(requests_of(state)) == 8
