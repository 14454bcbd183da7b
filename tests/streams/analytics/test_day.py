"""Daily analytics: every day once, none forgotten, and no total under another day's name."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.api.client import ApiResponse, ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.errors import (
    ChatislavError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)
from chatislav_source.records.tolerant_rows import analytics_rows
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.streams.analytics.day import (
    AnalyticsPartition,
    Day,
    DayReader,
    DayRequest,
    days_to_read,
    fresh,
    is_final,
    restored,
    sync_requests,
    with_day,
)
from chatislav_source.streams.state import State

API = "https://chatislav.ai/api/v1"
TODAY = date(2026, 6, 23)
FIRST_DAY = date(2026, 6, 1)
READ_AT = datetime(2026, 6, 24, 12, tzinfo=UTC)
REQUEST = DayRequest(123, FIRST_DAY, "all", "Europe/Belgrade", is_final=True)
GOOD: dict[str, Any] = {
    "botId": 123,
    "from": "2026-06-01",
    "to": "2026-06-01",
    "analytics": {"conversations": {"total": 25}, "voice": None},
}
FAILED = RetriesExhaustedError("/analytics", "bot 123", 8, "HTTP 500")


def day(number: int) -> date:
    """A day of June 2026."""
    return date(2026, 6, number)


def answered(
    value: dict[str, Any], needs_cleaning: bool = False
) -> ApiResponse[tuple[dict[str, Any], bool]]:
    """An answer as the client gives it."""
    return ApiResponse((value, needs_cleaning), size=2, tries=2, read_at=READ_AT)


def test_a_day_is_asked_for_from_itself_to_itself() -> None:
    assert REQUEST.query() == {
        "bot_id": 123,
        "from": "2026-06-01",
        "to": "2026-06-01",
        "channel": "all",
        "timezone": "Europe/Belgrade",
    }


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="as documented"),
        pytest.param({"botId": "123"}, id="bot id as text"),
        pytest.param({"from": "2026-06-01T00:00:00", "to": "2026-06-01T23:59:59Z"}, id="times"),
        pytest.param({"new": 1}, id="a new field"),
    ],
)
def test_an_echo_of_the_request_is_believed(changed: dict[str, Any]) -> None:
    assert REQUEST.problem(GOOD | changed) is None


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"botId": 124}, "botId"),
        ({"botId": None}, "botId"),
        ({"from": "2026-05-31"}, "from"),
        ({"from": None}, "from"),
        ({"to": "2026-06-02"}, "to"),
        ({"to": 20260601}, "to"),
        ({"analytics": None}, "analytics"),
        ({"analytics": []}, "analytics"),
    ],
)
def test_an_echo_of_something_else_is_not(changed: dict[str, Any], says: str) -> None:
    assert f"`{says}`" in (REQUEST.problem(GOOD | changed) or "")


@pytest.mark.parametrize("name", GOOD)
def test_an_echo_that_is_missing_is_not_believed(name: str) -> None:
    answer = {key: value for key, value in GOOD.items() if key != name}

    assert f"`{name}`" in (REQUEST.problem(answer) or "")


def test_a_day_becomes_one_row_under_the_names_that_were_asked_for() -> None:
    read = DayReader({}).parse(REQUEST, answered(GOOD))

    assert read.totals is not None
    row = analytics_rows([read.totals]).to_pylist()[0]
    assert (row["bot_id"], row["date"], row["channel"]) == (123, FIRST_DAY, "all")
    assert (row["timezone"], row["is_final"]) == ("Europe/Belgrade", True)
    assert (row["conversations__total"], row["synced_at"]) == (25, READ_AT)
    assert (read.tries, read.replaced_characters) == (2, 0)


def test_a_day_that_is_loaded_just_so_gives_no_row() -> None:
    first = DayReader({}).parse(REQUEST, answered(GOOD))
    loaded = {REQUEST.series: {"2026-06-01": first.digest}}

    again = DayReader(loaded).parse(REQUEST, answered(deepcopy(GOOD)))

    assert (again.totals, again.digest) == (None, first.digest)


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        pytest.param(REQUEST, GOOD | {"analytics": {}}, id="other totals"),
        pytest.param(REQUEST, GOOD | {"new": 1}, id="a new field"),
        pytest.param(
            DayRequest(123, FIRST_DAY, "all", "Europe/Belgrade", is_final=False),
            GOOD,
            id="another finality",
        ),
        pytest.param(
            DayRequest(123, FIRST_DAY, "viber", "Europe/Belgrade", is_final=True),
            GOOD,
            id="another channel",
        ),
    ],
)
def test_a_day_that_differs_in_anything_is_written_again(
    request_: DayRequest, value: dict[str, Any]
) -> None:
    first = DayReader({}).parse(REQUEST, answered(GOOD))
    loaded = {REQUEST.series: {"2026-06-01": first.digest}}

    again = DayReader(loaded).parse(request_, answered(value))

    assert again.totals is not None


def test_unstorable_signs_are_replaced_and_counted() -> None:
    value = GOOD | {"companyId": "a\0b"}

    read = DayReader({}).parse(REQUEST, answered(value, needs_cleaning=True))

    assert read.totals is not None
    assert analytics_rows([read.totals])["company_id"].to_pylist() == ["a\ufffdb"]
    assert read.replaced_characters == 1


def test_words_are_not_in_a_repr() -> None:
    read = DayReader({}).parse(REQUEST, answered(GOOD | {"companyId": "Pekara Sunce"}))

    assert "Sunce" not in repr(read)


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


def test_later_syncs_read_the_lookback_and_what_is_missing() -> None:
    series = {"final": ["2026-06-02/2026-06-05", "2026-06-07/2026-06-15"], "digests": {}}

    days = days_to_read(series, FIRST_DAY, TODAY, TODAY, 7)

    assert days == [day(1), day(6), *(day(number) for number in range(16, 24))]


def test_a_longer_lookback_reads_days_again_that_were_final() -> None:
    series = {"final": ["2026-06-01/2026-06-15"], "digests": {}}

    days = days_to_read(series, FIRST_DAY, TODAY, TODAY, 10)

    assert days == [day(number) for number in range(13, 24)]


def test_days_to_come_are_not_read() -> None:
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


def test_a_final_day_joins_its_neighbours_and_needs_no_digest() -> None:
    series = {
        "final": ["2026-06-02/2026-06-03"],
        "digests": {"2026-06-01": "aa", "2026-06-09": "b"},
    }

    noted = with_day(series, REQUEST, "cc")

    assert noted == {"final": ["2026-06-01/2026-06-03"], "digests": {"2026-06-09": "b"}}


def test_a_day_that_is_not_final_is_remembered_by_its_digest() -> None:
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


def requests_of(state: State, today: date = TODAY, channels: tuple[str, ...] = ("all",)) -> Any:
    """What a sync asks for, from the first day on."""
    return sync_requests(state, channels, "UTC", (FIRST_DAY, today), today, 7)


def noted_in_series(state: State, request: DayRequest, digest: str) -> State:
    """As the planning of a sync notes a day."""
    series = with_day(state["series"].get(request.series), request, digest)
    return {**state, "series": {**state["series"], request.series: series}}


def reading_of(state: State, requests: list[DayRequest]) -> AnalyticsPartition:
    """The reading of a sync."""
    return AnalyticsPartition(
        state, requests, DayReader({}), noted_in_series, lambda finished: finished
    )


def run(state: State, today: date, failing: set[date], at_once: int = 3) -> AnalyticsPartition:
    """Read what a sync reads on that day, with several requests in flight."""
    reading = reading_of(state, requests_of(state, today, ("all", "viber")))
    in_flight: list[DayRequest] = []
    while True:
        request = reading.next_request() if len(in_flight) < at_once else None
        if request:
            in_flight.append(request)
        elif in_flight:
            oldest = in_flight.pop(0)
            if oldest.day in failing:
                reading.on_error(oldest, FAILED)
            else:
                reading.on_page(oldest, Day(None, f"{oldest.day}", 0, 10, 1))
        else:
            return reading


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
    asked = [day for day in lookback if day >= FIRST_DAY]
    assert [(r.channel, r.day) for r in again] == [(c, d) for c in ("all", "viber") for d in asked]
    for channel in ("all", "viber"):
        series = good.state["series"][f"UTC|{channel}"]
        assert sorted(series["digests"]) == [str(d) for d in asked]


def test_channels_and_zones_are_remembered_apart() -> None:
    state = run(fresh(123, API), TODAY, set()).state

    in_zone = sync_requests(state, ["all"], "Europe/Belgrade", (FIRST_DAY, TODAY), TODAY, 7)
    of_channel = sync_requests(state, ["widget"], "UTC", (FIRST_DAY, TODAY), TODAY, 7)

    assert len(in_zone) == len(of_channel) == 23
    assert len(requests_of(state)) == 8


def test_days_are_read_newest_first() -> None:
    reading = reading_of(fresh(123, API), requests_of(fresh(123, API)))

    requests = [reading.next_request() for _ in range(3)]

    assert [request.day for request in requests if request] == [day(23), day(22), day(21)]


def test_nothing_to_read_is_done_at_once() -> None:
    reading = reading_of(fresh(123, API), [])

    assert reading.done
    assert reading.next_request() is None


def test_three_failed_days_in_a_row_end_the_bot_and_one_does_not() -> None:
    everything = {FIRST_DAY + timedelta(days=n) for n in range(40)}

    one = run(fresh(123, API), TODAY, {day(10)}, at_once=1)
    many = run(fresh(123, API), TODAY, everything, at_once=1)

    assert (one.error, one.done) == (FAILED, False)
    assert len(requests_of(one.state)) == 9  # the lookback and the one that failed
    assert many.error == FAILED
    assert "failed 8 times" in many.state["error"]


def test_failures_between_good_days_do_not_keep_the_others_from_being_read() -> None:
    every_second = {FIRST_DAY + timedelta(days=n) for n in range(0, 40, 2)}

    reading = run(fresh(123, API), TODAY, every_second, at_once=1)

    assert reading.error == FAILED
    final = reading.state["series"]["UTC|all"]["final"]
    assert final == [f"{day(n)}/{day(n)}" for n in range(2, 16, 2)]


def test_a_stopped_reading_asks_no_more_and_keeps_what_it_has() -> None:
    reading = reading_of(fresh(123, API), requests_of(fresh(123, API)))
    first = reading.next_request()
    assert first is not None
    reading.on_page(first, Day(None, "aa", 0, 10, 1))

    reading.abort(RequestRejectedError("/analytics", "bot 123", 404, "no such bot"))

    assert reading.next_request() is None
    assert reading.state["series"]["UTC|all"]["digests"] == {"2026-06-23": "aa"}
    assert "no such bot" in reading.state["error"]
    assert not reading.done


def test_an_answer_leaves_the_state_it_was_given_as_it_was() -> None:
    state = fresh(123, API)
    before = deepcopy(state)

    run(state, TODAY, {day(5)})

    assert state == before


def test_a_state_that_was_just_written_is_trusted() -> None:
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
        pytest.param({"more": 1}, "damaged", id="more than it should have"),
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
            id="a day to come",
        ),
        pytest.param({"backfill": {"range": "x/y", "series": {}}}, "damaged", id="no range"),
        pytest.param(
            {"backfill": {"range": "2026-06-01/2026-06-02", "series": {"a": {}}}},
            "damaged",
            id="a backfill's series",
        ),
    ],
)
def test_a_state_that_cannot_be_right_is_not_used_and_it_is_said_why(
    changed: dict[str, Any], says: str
) -> None:
    state, problem = restored(fresh(123, API) | changed, 123, API, TODAY)

    assert state == fresh(123, API)
    assert says in (problem or "")


@pytest.mark.parametrize("stored", [[], "x", 5, {}, True])
def test_a_state_of_another_shape_is_damaged(stored: Any) -> None:
    assert restored(stored, 123, API, TODAY)[1] is not None


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.0)
    world = World.generate(bot_ids=(123,), conversations=20, days=5, last_day=FIRST_DAY)
    with Sandbox(world) as sandbox:
        yield sandbox


@pytest.fixture
def client(api: Sandbox) -> Iterator[ChatislavClient]:
    stop = Event()
    with ChatislavClient(api.base_url, (SANDBOX_KEY,), RateLimiter(2, stop), stop) as made:
        yield made


def test_the_totals_of_a_day_come_from_the_api(client: ChatislavClient, api: Sandbox) -> None:
    read = DayReader({}).read(REQUEST, client)

    assert read.totals is not None
    rows = analytics_rows([read.totals])
    assert rows["conversations__total"].to_pylist()[0] > 0
    assert rows["extra"].to_pylist() == [None]
    assert api.requests[-1].body == REQUEST.query()


@pytest.mark.parametrize("name", ["from", "to", "bot_id"])
def test_totals_of_something_else_are_an_error(
    client: ChatislavClient, api: Sandbox, name: Any
) -> None:
    api.configure(analytics_echo_wrong=name)

    with pytest.raises(UnexpectedResponseError, match="not the "):
        DayReader({}).read(REQUEST, client)


def test_an_error_of_the_bot_names_bot_channel_and_day(
    client: ChatislavClient, api: Sandbox
) -> None:
    api.configure(bot_status={123: 404})

    with pytest.raises(ChatislavError, match="POST /analytics for bot 123, all, 2026-06-01"):
        DayReader({}).read(REQUEST, client)
