"""Daily analytics: every day is read once, and a day that fails is read by a later run."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.errors import RequestRejectedError
from chatislav_source.streams.analytics.day import StoredDays
from chatislav_source.streams.analytics.plan import analytics_partition
from chatislav_source.streams.analytics.state import fresh
from tests.streams.analytics.runs import (
    API,
    BOTH,
    FAILED,
    FIRST_DAY,
    READ,
    TODAY,
    Table,
    config_at,
    day,
    finish,
    partition_of,
    requests_for,
    run,
)

RUNS = st.lists(
    st.tuples(st.integers(0, 3), st.sets(st.integers(0, 40), max_size=15)), min_size=1, max_size=5
)


@given(RUNS, st.integers(1, 4))
def test_whatever_failed_before_a_good_run_loads_every_day_and_then_reads_only_the_lookback(
    runs: list[tuple[int, set[int]]], at_once: int
) -> None:
    state, table, today = fresh(123, API), Table(), day(10)
    for later, failing in runs:
        today += timedelta(days=later)
        bad = {FIRST_DAY + timedelta(days=number) for number in failing}
        state = run(state, table, today, bad, at_once).state

    good = run(state, table, today, set(), at_once)
    again = requests_for(table, today, BOTH)

    assert (good.done, good.error, good.state["error"]) == (True, None, None)
    lookback = [today - timedelta(days=n) for n in range(7, -1, -1)]
    expected = [day for day in lookback if day >= FIRST_DAY]
    assert [(r.channel, r.day) for r in again] == [
        (c, d) for c in ("all", "viber") for d in expected
    ]
    every_day = {FIRST_DAY + timedelta(days=n) for n in range((today - FIRST_DAY).days + 1)}
    assert table.rows == {
        (d, channel, "UTC"): d not in lookback for channel in BOTH for d in every_day
    }


def test_days_are_read_newest_first() -> None:
    partition = partition_of(fresh(123, API), requests_for(Table()))

    requests = [partition.next_request() for _ in range(3)]

    assert [request.day for request in requests if request] == [day(23), day(22), day(21)]


def test_a_partition_without_requests_is_done_at_once() -> None:
    partition = partition_of(fresh(123, API), [])

    assert partition.done
    assert partition.next_request() is None


def test_three_failed_days_in_a_row_end_the_bot_and_one_does_not() -> None:
    everything = {FIRST_DAY + timedelta(days=n) for n in range(40)}

    table = Table()
    one = run(None, table, TODAY, {day(10)}, at_once=1)
    many = run(None, Table(), TODAY, everything, at_once=1)

    assert (one.error, one.done) == (FAILED, False)
    assert len(requests_for(table)) == 9  # the lookback and the one that failed
    assert many.error == FAILED
    assert "failed 8 times" in many.state["error"]


def test_single_failed_days_do_not_stop_the_other_days() -> None:
    every_second = {FIRST_DAY + timedelta(days=n) for n in range(0, 40, 2)}

    table = Table()

    partition = run(None, table, TODAY, every_second, at_once=1)

    assert partition.error == FAILED
    assert sorted(d for d, channel, _ in table.rows if channel == "all") == [
        day(n) for n in range(2, 24, 2)
    ]


def test_an_aborted_partition_sends_no_request_and_keeps_its_state() -> None:
    partition = partition_of(fresh(123, API), requests_for(Table()))
    first = partition.next_request()
    assert first is not None
    state = partition.on_page(first, READ)

    partition.abort(RequestRejectedError("/analytics", "bot 123", 404, "no such bot"))

    assert partition.next_request() is None
    assert partition.state == {**state, "error": partition.state["error"]}
    assert "no such bot" in partition.state["error"]
    assert not partition.done


def test_a_page_does_not_change_the_earlier_state_in_place() -> None:
    config = config_at(end_date=day(9))
    state = analytics_partition(None, 123, config, StoredDays()).state
    before = deepcopy(state)

    finish(analytics_partition(state, 123, config, StoredDays()), Table(), {day(5)})

    assert state == before


def test_a_sync_notes_the_first_day_and_the_zone_only() -> None:
    partition = run(None, Table(), TODAY, set())

    assert partition.state == {**fresh(123, API), "loaded_from": str(FIRST_DAY), "timezone": "UTC"}


def test_a_backfill_notes_each_day_that_it_read_and_forgets_them_at_its_end() -> None:
    config = config_at(end_date=day(4))
    partition = analytics_partition(None, 123, config, StoredDays())
    first, second = partition.next_request(), partition.next_request()
    assert first
    assert second

    states = [partition.on_page(first, READ), partition.on_error(second, FAILED)]

    read = {"range": "2026-06-01/2026-06-04", "read": {"UTC|all": ["2026-06-04/2026-06-04"]}}
    assert [state["backfill"] for state in states] == [read, read]
    continued = finish(analytics_partition(states[-1], 123, config, StoredDays()), Table())
    assert continued.done
    assert continued.state["backfill"] is None
