"""The stored state of a bot's analytics: its loaded days, and why a state is not used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.analytics.state import FORMAT, fresh, noted, restored, with_day
from tests.streams.analytics.runs import API, FIRST_DAY, TODAY, day, run

REQUEST = DayRequest(123, FIRST_DAY, "all", "Europe/Belgrade", is_final=True)


def test_a_final_day_joins_its_neighbours_and_needs_no_digest() -> None:
    series = {
        "final": ["2026-06-02/2026-06-03"],
        "digests": {"2026-06-01": "aa", "2026-06-09": "b"},
    }

    noted = with_day(series, REQUEST, "cc")

    assert noted == {"final": ["2026-06-01/2026-06-03"], "digests": {"2026-06-09": "b"}}


def test_a_day_that_is_not_final_is_stored_as_a_digest() -> None:
    request = DayRequest(123, TODAY, "all", "UTC", is_final=False)

    noted = with_day(with_day(None, request, "aa"), request, "bb")

    assert noted == {"final": [], "digests": {"2026-06-23": "bb"}}


def test_a_final_day_that_is_no_longer_final_is_read_again_later() -> None:
    request = DayRequest(123, day(3), "all", "UTC", is_final=False)

    noted = with_day({"final": ["2026-06-01/2026-06-05"], "digests": {}}, request, "aa")

    assert noted == {
        "final": ["2026-06-01/2026-06-02", "2026-06-04/2026-06-05"],
        "digests": {"2026-06-03": "aa"},
    }


def test_a_backfill_stores_its_days_in_series_of_its_own() -> None:
    state = {**fresh(123, API), "backfill": {"range": "2026-06-01/2026-06-02", "series": {}}}

    after = noted(state, REQUEST, "cc", is_backfill=True)

    assert after["series"] == {}
    assert after["backfill"]["series"] == {
        "Europe/Belgrade|all": {"final": ["2026-06-01/2026-06-01"], "digests": {}}
    }


def test_a_state_has_exactly_the_described_fields() -> None:
    state = run(fresh(123, API), TODAY, set()).state

    assert set(state) == {"version", "bot_id", "api", *FORMAT.fields}


def test_a_state_that_was_just_stored_is_used() -> None:
    state = run(fresh(123, API), TODAY, set()).state

    assert restored(state, 123, API, TODAY) == (state, None)
    assert restored(state, 123, API, TODAY + timedelta(days=100)) == (state, None)


def test_no_state_is_a_fresh_one_without_a_problem() -> None:
    assert restored(None, 123, API, TODAY) == (fresh(123, API), None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"version": 0}, "version", id="older version"),
        pytest.param({"bot_id": 5}, "another bot", id="another bot"),
        pytest.param({"api": "https://x"}, "another API", id="another API"),
        pytest.param({"version": 3}, "version", id="newer version"),
        pytest.param({"series": None}, "damaged", id="no series"),
        pytest.param({"series": {"a": None}}, "damaged", id="a series that is none"),
        pytest.param({"series": {"a": {"final": []}}}, "damaged", id="no digests"),
        pytest.param(
            {"series": {"a": {"final": [], "digests": ["x"]}}}, "damaged", id="digests as list"
        ),
        pytest.param(
            {"series": {"a": {"final": [], "digests": {"2026-06-01": 5}}}}, "damaged", id="a number"
        ),
        pytest.param(
            {"series": {"a": {"final": ["soon"], "digests": {}}}}, "damaged", id="no window"
        ),
        pytest.param(
            {"series": {"a": {"final": ["2026-06-01/.."], "digests": {}}}}, "future", id="no end"
        ),
        pytest.param(
            {"series": {"a": {"final": ["2026-06-01/2026-06-24"], "digests": {}}}},
            "future",
            id="a future day",
        ),
        pytest.param({"backfill": {"range": "x/y", "series": {}}}, "damaged", id="no range"),
        pytest.param(
            {"backfill": {"range": "2026-06-01/2026-06-02", "series": {"a": {}}}},
            "damaged",
            id="a backfill's series",
        ),
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
