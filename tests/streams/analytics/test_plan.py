"""Which days of analytics a run reads: every day that is not final, exactly once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.streams.analytics.plan import (
    analytics_partition,
    days_to_read,
    is_final,
)
from chatislav_source.streams.analytics.state import fresh
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State
from tests.streams.analytics.runs import (
    API,
    FIRST_DAY,
    READ,
    TODAY,
    Table,
    config_at,
    day,
    requests_for,
    run,
)


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
    days = days_to_read([], FIRST_DAY, TODAY, TODAY, 7)

    assert days == [day(number) for number in range(1, 24)]


def test_later_syncs_read_the_lookback_and_missing_days() -> None:
    final = [DateWindow(day(2), day(5)), DateWindow(day(7), day(15))]

    days = days_to_read(final, FIRST_DAY, TODAY, TODAY, 7)

    assert days == [day(1), day(6), *(day(number) for number in range(16, 24))]


def test_a_longer_lookback_reads_days_again_that_were_final() -> None:
    days = days_to_read([DateWindow(day(1), day(15))], FIRST_DAY, TODAY, TODAY, 10)

    assert days == [day(number) for number in range(13, 24)]


def test_future_days_are_not_read() -> None:
    assert days_to_read([], day(22), day(30), TODAY, 7) == [day(22), TODAY]
    assert days_to_read([], day(25), day(30), TODAY, 7) == []


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
    stored = [
        DateWindow(start + timedelta(days=a), start + timedelta(days=a + length))
        for a, length in windows
    ]
    first_day, last_day = start + timedelta(days=first), start + timedelta(days=last)

    days = days_to_read(stored, first_day, last_day, TODAY, lookback)

    every_day = [start + timedelta(days=n) for n in range(61)]
    assert days == [
        day
        for day in every_day
        if first_day <= day <= last_day
        and not (day in final and day < TODAY - timedelta(days=lookback))
    ]


def days_of_sync(table: Table, state: State | None = None, **given: Any) -> list[date]:
    """The days that a sync requests; the last one is sent first."""
    partition = analytics_partition(state, 123, config_at(**given), table.stored)
    requests = iter(partition.next_request, None)
    return [request.day for request in requests if request][::-1]


def test_each_channel_and_zone_has_a_series_of_its_own() -> None:
    table = Table()
    run(None, table, TODAY, set())

    in_zone = requests_for(table, timezone="Europe/Belgrade")
    of_channel = requests_for(table, channels=["widget"])

    assert len(in_zone) == len(of_channel) == 23
    assert len(requests_for(table)) == 8


def zone_of_sync(table: Table, state: State | None, **given: Any) -> tuple[str, State, list[str]]:
    """The zone that a sync reads, its state and its warnings; the days are then in the table."""
    partition = analytics_partition(state, 123, config_at(**given), table.stored)
    request = partition.next_request()
    assert request
    table.write(request)
    return request.timezone, partition.state, partition.warnings


def test_a_zone_once_used_is_the_one_of_later_syncs() -> None:
    table = Table()
    _, state, warnings = zone_of_sync(table, None, timezone="Europe/Belgrade")

    assert zone_of_sync(table, state)[0] == "Europe/Belgrade"
    assert zone_of_sync(table, None)[0] == "Europe/Belgrade"  # without the state, by the table
    assert zone_of_sync(Table(), state)[0] == "Europe/Belgrade"  # without the rows, by the state
    assert zone_of_sync(Table(), None)[0] == "UTC"
    assert warnings == []


def test_another_zone_is_read_beside_the_first_which_plain_syncs_continue() -> None:
    table = Table()
    _, state, _ = zone_of_sync(table, None)
    zone, state, warnings = zone_of_sync(table, state, timezone="Asia/Tokyo")
    zone_of_sync(table, state, timezone="Asia/Tokyo", today=TODAY + timedelta(days=1))

    assert zone == "Asia/Tokyo"
    assert zone_of_sync(table, state)[0] == "UTC"  # which has fewer rows
    assert "several time zones, Asia/Tokyo and UTC" in warnings[0]
    assert zone_of_sync(table, state)[2] == warnings


def test_a_zone_whose_rows_were_deleted_is_not_read_again() -> None:
    table = Table()
    _, state, _ = zone_of_sync(table, None)
    _, state, _ = zone_of_sync(table, state, timezone="Asia/Tokyo")
    table.rows = {key: final for key, final in table.rows.items() if key[2] != "UTC"}

    zone, state, warnings = zone_of_sync(table, state)

    assert (zone, state["timezone"], warnings) == ("Asia/Tokyo", "Asia/Tokyo", [])


def test_a_backfill_reads_the_zone_of_the_bot_and_does_not_change_it() -> None:
    table = Table()
    _, state, _ = zone_of_sync(table, None, timezone="Asia/Tokyo")
    given = {"start_date": day(2), "end_date": day(8)}

    assert zone_of_sync(table, state, **given)[0] == "Asia/Tokyo"
    assert zone_of_sync(table, state, **given, timezone="UTC")[1]["timezone"] == "Asia/Tokyo"


def test_a_sync_reads_the_days_that_the_table_does_not_have_as_final() -> None:
    table = Table()
    run(None, table, TODAY, set())
    del table.rows[day(3), "all", "UTC"]
    table.rows[day(9), "all", "UTC"] = False

    assert sorted(days_of_sync(table)) == [day(3), day(9), *map(day, range(16, 24))]


def test_a_sync_reads_the_days_that_are_missing_before_those_it_reads_again() -> None:
    table = Table()
    run(None, table, TODAY, set())
    del table.rows[day(3), "all", "UTC"], table.rows[day(20), "all", "UTC"]

    *again, first_missing, newest_missing = days_of_sync(table)  # the last one is sent first

    assert (first_missing, newest_missing) == (day(3), day(20))
    assert again == [day(number) for number in range(16, 24) if number != 20]


def test_an_empty_table_is_filled_again_whatever_the_state_says() -> None:
    partition = run(None, Table(), TODAY, set())

    assert days_of_sync(Table(), partition.state) == [day(number) for number in range(1, 24)]


def test_a_sync_without_a_start_date_begins_with_the_first_day_of_the_table() -> None:
    table = Table()
    run(None, table, TODAY, set())
    later = TODAY + timedelta(days=120)

    days = days_of_sync(table, today=later, start_date=None)

    assert days[0] == day(16)  # the first day that is not final
    assert len(days) == (later - day(16)).days + 1
    assert days_of_sync(Table(), today=later, start_date=None)[0] == later - timedelta(days=90)


def test_a_backfill_reads_final_days_again_and_continues_after_those_it_read() -> None:
    table = Table()
    run(None, table, TODAY, set())
    given = {"start_date": day(2), "end_date": day(8)}
    begun = analytics_partition(None, 123, config_at(**given), table.stored)
    for _ in range(3):
        request = begun.next_request()
        assert request
        begun.on_page(request, READ)

    assert days_of_sync(table, fresh(123, API), **given) == [day(n) for n in range(2, 9)]
    assert days_of_sync(table, begun.state, **given) == [day(n) for n in range(2, 6)]


def test_a_backfill_of_another_range_or_channel_begins_anew() -> None:
    given = {"start_date": day(2), "end_date": day(8)}
    begun = analytics_partition(None, 123, config_at(**given), Table().stored)
    request = begun.next_request()
    assert request
    begun.on_page(request, READ)

    longer = {**given, "end_date": day(9)}
    assert days_of_sync(Table(), begun.state, **longer) == [day(n) for n in range(2, 10)]
    viber = {**given, "analytics_channels": ["viber"]}
    assert days_of_sync(Table(), begun.state, **viber) == [day(n) for n in range(2, 9)]
    assert len(days_of_sync(Table(), begun.state, **given)) == 6
