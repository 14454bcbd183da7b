"""The stored state of a bot's analytics: a backfill's days, and why a state is not used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chatislav_source.streams.analytics.day import DayRequest, StoredDays
from chatislav_source.streams.analytics.plan import analytics_partition
from chatislav_source.streams.analytics.state import FORMAT, fresh, read_days, restored, with_read
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State
from tests.streams.analytics.runs import API, FIRST_DAY, READ, TODAY, Table, config_at, day, run

REQUEST = DayRequest(123, FIRST_DAY, "all", "Europe/Belgrade", is_final=True)
RANGE = "2026-06-01/2026-06-02"


def test_a_day_that_a_backfill_read_joins_its_neighbours() -> None:
    windows = ["2026-06-02/2026-06-03", "2026-06-09/2026-06-09"]
    before = {"range": "2026-06-01/2026-06-09", "read": {REQUEST.series: windows}}

    after = with_read(before, REQUEST)

    assert after["read"] == {REQUEST.series: ["2026-06-01/2026-06-03", "2026-06-09/2026-06-09"]}
    assert read_days(after) == {
        REQUEST.series: [DateWindow(day(1), day(3)), DateWindow(day(9), day(9))]
    }
    assert before["read"] == {REQUEST.series: windows}


def test_a_day_of_another_series_is_read_apart_and_the_range_stays() -> None:
    other = DayRequest(123, FIRST_DAY, "viber", "UTC", is_final=True)
    empty: State = {"range": "2026-06-01/2026-06-02", "read": {}}

    after = with_read(with_read(empty, REQUEST), other)

    assert after == {
        "range": "2026-06-01/2026-06-02",
        "read": {
            "Europe/Belgrade|all": ["2026-06-01/2026-06-01"],
            "UTC|viber": ["2026-06-01/2026-06-01"],
        },
    }


def test_a_state_has_exactly_the_described_fields() -> None:
    state = run(None, Table(), TODAY, set()).state

    assert set(state) == {"version", "bot_id", "api", *FORMAT.fields}


def test_a_state_that_was_just_stored_is_used() -> None:
    state = run(None, Table(), TODAY, set()).state

    assert restored(state, 123, API, TODAY) == (state, None)
    assert restored(state, 123, API, TODAY + timedelta(days=100)) == (state, None)


def test_the_state_of_a_backfill_under_way_is_used() -> None:
    config = config_at(end_date=day(9))
    partition = analytics_partition(None, 123, config, StoredDays())
    request = partition.next_request()
    assert request

    state = partition.on_page(request, READ)

    assert state["backfill"]["read"]
    assert restored(state, 123, API, TODAY) == (state, None)


def test_no_state_is_a_fresh_one_without_a_problem() -> None:
    assert restored(None, 123, API, TODAY) == (fresh(123, API), None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"version": 0}, "version", id="older version"),
        pytest.param({"bot_id": 5}, "another bot", id="another bot"),
        pytest.param({"api": "https://x"}, "another API", id="another API"),
        pytest.param({"version": 5}, "version", id="newer version"),
        pytest.param({"backfill": 5}, "damaged", id="a backfill that is none"),
        pytest.param({"backfill": {"range": "x/y", "read": {}}}, "damaged", id="no range"),
        pytest.param({"backfill": {"range": RANGE}}, "damaged", id="no days read"),
        pytest.param(
            {"backfill": {"range": RANGE, "read": ["x"]}}, "damaged", id="days read as list"
        ),
        pytest.param(
            {"backfill": {"range": RANGE, "read": {"a": {}}}}, "damaged", id="days of a series"
        ),
        pytest.param(
            {"backfill": {"range": RANGE, "read": {"a": ["soon"]}}}, "damaged", id="no window"
        ),
        pytest.param(
            {"backfill": {"range": RANGE, "read": {"a": ["2026-06-01/.."]}}}, "future", id="no end"
        ),
        pytest.param(
            {"backfill": {"range": RANGE, "read": {"a": ["2026-06-01/2026-06-24"]}}},
            "future",
            id="a future day",
        ),
        pytest.param({"error": 5}, "damaged", id="an error that is a number"),
    ],
)
def test_an_impossible_state_is_not_used_and_the_reason_is_returned(
    changed: dict[str, Any], says: str
) -> None:
    state, problem = restored(fresh(123, API) | changed, 123, API, TODAY)

    assert state == fresh(123, API)
    assert says in (problem or "")


@pytest.mark.parametrize("stored", [[], "x", 5, {}, True])
def test_a_state_of_another_shape_is_damaged(stored: Any) -> None:
    assert restored(stored, 123, API, TODAY)[1] is not None
