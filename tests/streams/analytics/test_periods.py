"""Periods: they tile, follow the calendar, and are read until their last day is final."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.config import ANALYTICS_PERIODS, SyncConfig
from chatislav_source.streams.analytics.day import DayRequest, StoredDays
from chatislav_source.streams.analytics.period_request import PeriodRequest
from chatislav_source.streams.analytics.periods import TRAILING_DAYS, period_at, periods_of
from chatislav_source.streams.analytics.plan import analytics_partition, is_final
from chatislav_source.streams.date_window import ONE_DAY
from tests.streams.analytics.runs import READ, config_at

CALENDAR = ("week", "month", "quarter")
ALL_PERIODS = list(ANALYTICS_PERIODS)
days = st.dates(date(2015, 1, 1), date(2040, 12, 31))
zones = st.sampled_from(["UTC", "Europe/Belgrade", "Asia/Tokyo", "America/New_York"])


@given(day=days, name=st.sampled_from(CALENDAR))
def test_calendar_periods_tile_the_years_without_gap_or_overlap(day: date, name: str) -> None:
    period = period_at(name, day)

    assert period.first_day <= day <= period.last_day
    assert period_at(name, period.first_day) == period_at(name, period.last_day) == period
    assert period_at(name, period.last_day + ONE_DAY).first_day == period.last_day + ONE_DAY
    assert period_at(name, period.first_day - ONE_DAY).last_day == period.first_day - ONE_DAY


@given(day=days)
def test_weeks_months_and_quarters_are_those_of_the_calendar(day: date) -> None:
    week, month, quarter = (period_at(name, day) for name in CALENDAR)

    assert week.first_day.isocalendar()[:2] == day.isocalendar()[:2]
    assert (week.first_day.isoweekday(), week.last_day.isoweekday()) == (1, 7)
    assert (week.last_day - week.first_day).days == 6
    assert month.first_day == day.replace(day=1)
    assert month.last_day == day.replace(day=monthrange(day.year, day.month)[1])
    first_month = {0: 1, 1: 4, 2: 7, 3: 10}[(day.month - 1) // 3]
    assert quarter.first_day == date(day.year, first_month, 1)
    assert quarter.last_day == period_at("month", date(day.year, first_month + 2, 1)).last_day


@given(day=days, name=st.sampled_from(sorted(TRAILING_DAYS)))
def test_trailing_days_end_with_their_day(day: date, name: str) -> None:
    period = period_at(name, day)

    assert period.last_day == day
    assert f"last_{(day - period.first_day).days + 1}_days" == name


@given(
    first=days,
    length=st.integers(0, 200),
    age=st.integers(-20, 300),
    name=st.sampled_from(ANALYTICS_PERIODS),
)
def test_the_periods_of_a_range_are_those_that_have_one_of_its_days(
    first: date, length: int, age: int, name: str
) -> None:
    last, today = first + timedelta(days=length), first + timedelta(days=age)

    found = list(periods_of(name, first, last, today))

    near = [first + timedelta(days=n) for n in range(-60, length + 60)]
    of_range = {
        period
        for period in (period_at(name, day) for day in near if day <= today)
        if first <= today and period.first_day <= last and first <= period.last_day
    }
    assert found == sorted(of_range)


def test_a_week_over_new_year_is_one_week() -> None:
    week = period_at("week", date(2027, 1, 1))

    assert (week.first_day, week.last_day) == (date(2026, 12, 28), date(2027, 1, 3))


def requests_of_sync(config: SyncConfig, stored: StoredDays) -> list[DayRequest]:
    """The requests of a sync, in the order in which they are sent."""
    partition = analytics_partition(None, 123, config, stored)
    return [request for request in iter(partition.next_request, None) if request]


def stored_by(requests: list[DayRequest]) -> StoredDays:
    """The tables after these requests were loaded."""
    whole = [each for each in requests if not isinstance(each, PeriodRequest)]
    periods = [each for each in requests if isinstance(each, PeriodRequest)]
    return StoredDays.of(
        (each.day, each.channel, each.timezone, each.is_final, "aa") for each in whole
    ).with_periods(
        (each.period.name, each.day, each.channel, each.timezone, each.is_final, "aa")
        for each in periods
    )


@given(
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),
    zone=zones,
    lookback=st.integers(0, 30),
    age=st.integers(0, 120),
)
def test_a_later_sync_reads_exactly_the_periods_that_are_not_final(
    now: datetime, zone: str, lookback: int, age: int
) -> None:
    config = config_at(
        now.date(),
        start_date=now.date() - timedelta(days=age),
        timezone=zone,
        analytics_lookback_days=lookback,
        analytics_periods=ALL_PERIODS,
        analytics_channels=["all", "viber"],
    )
    first, today = requests_of_sync(config, StoredDays()), config.today

    later = requests_of_sync(config, stored_by(first))

    assert later == [request for request in first if not request.is_final]
    for request in first:
        if isinstance(request, PeriodRequest):
            assert request.is_final == is_final(request.period.last_day, today, lookback)
            assert request.last_day == min(request.period.last_day, today)
        else:
            assert request.is_final == is_final(request.day, today, lookback)


def test_days_are_read_before_periods_and_a_sync_without_periods_reads_days_only() -> None:
    with_periods = requests_of_sync(config_at(analytics_periods=ALL_PERIODS), StoredDays())
    without = requests_of_sync(config_at(), StoredDays())

    assert with_periods[: len(without)] == without
    assert not any(isinstance(each, PeriodRequest) for each in without)
    counts = Counter(each.period.name for each in with_periods if isinstance(each, PeriodRequest))
    assert counts == {"week": 4, "month": 1, "quarter": 1, "last_7_days": 23, "last_28_days": 23}


def test_a_period_is_asked_until_today_and_named_by_its_last_day() -> None:
    requests = requests_of_sync(config_at(analytics_periods=["month"]), StoredDays())

    query, columns = requests[-1].query(), requests[-1].columns

    assert (query["from"], query["to"]) == ("2026-06-01", "2026-06-23")
    assert (columns["start_date"], columns["end_date"]) == (date(2026, 6, 1), date(2026, 6, 30))


@pytest.mark.parametrize("read", [0, 5, 20])
def test_a_backfill_reads_every_period_of_its_days_again_and_continues_where_it_stopped(
    read: int,
) -> None:
    config = config_at(
        date(2026, 9, 1),
        start_date="2026-03-30",
        end_date="2026-04-01",
        analytics_periods=["week", "quarter", "last_7_days"],
    )
    every = analytics_partition(None, 123, config, StoredDays())
    requests = [each for each in iter(every.next_request, None) if each]
    stored = stored_by(requests)
    assert Counter(each.series for each in requests) == {
        "UTC|all": 3,
        "UTC|all|week": 1,
        "UTC|all|quarter": 2,
        "UTC|all|last_7_days": 9,
    }

    begun = analytics_partition(None, 123, config, stored)
    done = [each for _ in range(min(read, len(requests))) if (each := begun.next_request())]
    for request in done:
        begun.on_page(request, READ)
    rest = analytics_partition(begun.state, 123, config, stored)

    assert begun.done == (read == 20)
    if not begun.done:
        assert list(iter(rest.next_request, None)) == requests[len(done) :]
