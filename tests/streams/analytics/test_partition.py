"""Daily analytics: every day is read once, and a day that fails is read by a later run."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.errors import RequestRejectedError
from chatislav_source.streams.analytics.day import Day
from chatislav_source.streams.analytics.state import fresh
from tests.streams.analytics.runs import (
    API,
    FAILED,
    FIRST_DAY,
    TODAY,
    day,
    partition_of,
    requests_of,
    run,
)

RUNS = st.lists(
    st.tuples(st.integers(0, 3), st.sets(st.integers(0, 40), max_size=15)), min_size=1, max_size=5
)


@given(RUNS, st.integers(1, 4))
def test_whatever_failed_before_a_good_run_loads_every_day_and_then_reads_only_the_lookback(
    runs: list[tuple[int, set[int]]], at_once: int
) -> None:
    state, today = fresh(123, API), day(10)
    for later, failing in runs:
        today += timedelta(days=later)
        bad = {FIRST_DAY + timedelta(days=number) for number in failing}
        state = run(state, today, bad, at_once).state

    good = run(state, today, set(), at_once)
    again = requests_of(good.state, today, ("all", "viber"))

    assert (good.done, good.error, good.state["error"]) == (True, None, None)
    lookback = [today - timedelta(days=n) for n in range(7, -1, -1)]
    expected = [day for day in lookback if day >= FIRST_DAY]
    assert [(r.channel, r.day) for r in again] == [
        (c, d) for c in ("all", "viber") for d in expected
    ]
    for channel in ("all", "viber"):
        series = good.state["series"][f"UTC|{channel}"]
        assert sorted(series["digests"]) == [str(d) for d in expected]


def test_days_are_read_newest_first() -> None:
    partition = partition_of(fresh(123, API), requests_of(fresh(123, API)))

    requests = [partition.next_request() for _ in range(3)]

    assert [request.day for request in requests if request] == [day(23), day(22), day(21)]


def test_a_partition_without_requests_is_done_at_once() -> None:
    partition = partition_of(fresh(123, API), [])

    assert partition.done
    assert partition.next_request() is None


def test_three_failed_days_in_a_row_end_the_bot_and_one_does_not() -> None:
    everything = {FIRST_DAY + timedelta(days=n) for n in range(40)}

    one = run(fresh(123, API), TODAY, {day(10)}, at_once=1)
    many = run(fresh(123, API), TODAY, everything, at_once=1)

    assert (one.error, one.done) == (FAILED, False)
    assert len(requests_of(one.state)) == 9  # the lookback and the one that failed
    assert many.error == FAILED
    assert "failed 8 times" in many.state["error"]


def test_single_failed_days_do_not_stop_the_other_days() -> None:
    every_second = {FIRST_DAY + timedelta(days=n) for n in range(0, 40, 2)}

    partition = run(fresh(123, API), TODAY, every_second, at_once=1)

    assert partition.error == FAILED
    final = partition.state["series"]["UTC|all"]["final"]
    assert final == [f"{day(n)}/{day(n)}" for n in range(2, 16, 2)]


def test_an_aborted_partition_sends_no_request_and_keeps_its_state() -> None:
    partition = partition_of(fresh(123, API), requests_of(fresh(123, API)))
    first = partition.next_request()
    assert first is not None
    partition.on_page(first, Day(None, "aa", 0, 10, 1))

    partition.abort(RequestRejectedError("/analytics", "bot 123", 404, "no such bot"))

    assert partition.next_request() is None
    assert partition.state["series"]["UTC|all"]["digests"] == {"2026-06-23": "aa"}
    assert "no such bot" in partition.state["error"]
    assert not partition.done


def test_a_page_does_not_change_the_earlier_state_in_place() -> None:
    state = fresh(123, API)
    before = deepcopy(state)

    run(state, TODAY, {day(5)})

    assert state == before
