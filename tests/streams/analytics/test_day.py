"""The totals of one day: request, response and row; totals of another day are refused."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chatislav_source.api.call import ApiResponse
from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.errors import ChatislavError, UnexpectedResponseError
from chatislav_source.records.tolerant_rows import analytics_rows
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.streams.analytics.day import Day, DayReader, DayRequest, StoredDays
from chatislav_source.streams.date_window import DateWindow
from tests.streams.analytics.runs import FIRST_DAY

READ_AT = datetime(2026, 6, 24, 12, tzinfo=UTC)
REQUEST = DayRequest(123, FIRST_DAY, "all", "Europe/Belgrade", is_final=True)
GOOD: dict[str, Any] = {
    "botId": 123,
    "from": "2026-06-01",
    "to": "2026-06-01",
    "analytics": {"conversations": {"total": 25}, "voice": None},
}


def response_of(
    value: dict[str, Any], needs_sanitizing: bool = False
) -> ApiResponse[tuple[dict[str, Any], bool]]:
    """A response as the client returns it."""
    return ApiResponse((value, needs_sanitizing), size=2, tries=2, read_at=READ_AT)


def stored_as(request: DayRequest, read: Day) -> StoredDays:
    """The days in a table that has only this one."""
    assert read.totals is not None
    row = (request.day, request.channel, request.timezone, request.is_final)
    return StoredDays.of([(*row, read.totals.own["_version"])])


def test_stored_days_are_found_by_channel_and_zone() -> None:
    june = [date(2026, 6, number) for number in (1, 2, 4, 5)]
    rows = [(day, "all", "UTC", day != june[3], f"v{day.day}") for day in june]

    stored = StoredDays.of([*rows, (june[0], "viber", "UTC", False, "v")])

    assert stored.final == {
        "UTC|all": [DateWindow(june[0], june[1]), DateWindow(june[2], june[2])],
    }
    assert stored.versions["UTC|all", june[3]] == "v5"
    assert stored.versions["UTC|viber", june[0]] == "v"
    assert (stored.first_day, StoredDays.of([]).first_day) == (june[0], None)


def test_a_request_has_the_same_day_as_from_and_to() -> None:
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
def test_a_response_for_the_bot_and_day_of_the_request_is_used(changed: dict[str, Any]) -> None:
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
def test_a_response_for_another_bot_or_day_is_refused(changed: dict[str, Any], says: str) -> None:
    assert f"`{says}`" in (REQUEST.problem(GOOD | changed) or "")


@pytest.mark.parametrize("name", GOOD)
def test_a_response_without_bot_or_day_is_refused(name: str) -> None:
    response = {key: value for key, value in GOOD.items() if key != name}

    assert f"`{name}`" in (REQUEST.problem(response) or "")


def test_a_day_becomes_one_row_with_the_values_of_the_request() -> None:
    read = DayReader(StoredDays()).parse(REQUEST, response_of(GOOD))

    assert read.totals is not None
    row = analytics_rows([read.totals]).to_pylist()[0]
    assert (row["bot_id"], row["date"], row["channel"]) == (123, FIRST_DAY, "all")
    assert len(row["_version"]) == 16
    assert (row["timezone"], row["is_final"]) == ("Europe/Belgrade", True)
    assert (row["conversations__total"], row["synced_at"]) == (25, READ_AT)
    assert (read.tries, read.replaced_characters) == (2, 0)


def test_a_day_whose_totals_are_loaded_already_has_no_row() -> None:
    first = DayReader(StoredDays()).parse(REQUEST, response_of(GOOD))

    again = DayReader(stored_as(REQUEST, first)).parse(REQUEST, response_of(deepcopy(GOOD)))

    assert again.totals is None


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        pytest.param(REQUEST, GOOD | {"analytics": {}}, id="other totals"),
        pytest.param(REQUEST, GOOD | {"new": 1}, id="a new field"),
        pytest.param(
            DayRequest(123, FIRST_DAY, "all", "Europe/Belgrade", is_final=False),
            GOOD,
            id="final now",
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
    first = DayReader(StoredDays()).parse(REQUEST, response_of(GOOD))

    again = DayReader(stored_as(REQUEST, first)).parse(request_, response_of(value))

    assert again.totals is not None


def test_unstorable_characters_are_replaced_and_counted() -> None:
    value = GOOD | {"companyId": "a\0b"}

    read = DayReader(StoredDays()).parse(REQUEST, response_of(value, needs_sanitizing=True))

    assert read.totals is not None
    assert analytics_rows([read.totals])["company_id"].to_pylist() == ["a\ufffdb"]
    assert read.replaced_characters == 1


def test_a_repr_has_no_text_of_the_response() -> None:
    read = DayReader(StoredDays()).parse(REQUEST, response_of(GOOD | {"companyId": "Pekara Sunce"}))

    assert "Sunce" not in repr(read)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.0)
    world = World.generate(bot_ids=(123,), conversations=20, days=5, last_day=FIRST_DAY)
    with Sandbox(world) as sandbox:
        yield sandbox


@pytest.fixture
def client(api: Sandbox) -> Iterator[ChatislavClient]:
    with ChatislavClient(api.base_url, (SANDBOX_KEY,), RateLimiter(2)) as made:
        yield made


def test_the_totals_of_a_day_come_from_the_api(client: ChatislavClient, api: Sandbox) -> None:
    read = DayReader(StoredDays()).read(REQUEST, client)

    assert read.totals is not None
    rows = analytics_rows([read.totals])
    assert rows["conversations__total"].to_pylist()[0] > 0
    assert rows["extra"].to_pylist() == [None]
    assert api.requests[-1].body == REQUEST.query()


@pytest.mark.parametrize("name", ["from", "to", "bot_id"])
def test_totals_of_another_bot_or_day_are_an_error(
    client: ChatislavClient, api: Sandbox, name: Any
) -> None:
    api.configure(analytics_echo_wrong=name)

    with pytest.raises(UnexpectedResponseError, match="not the "):
        DayReader(StoredDays()).read(REQUEST, client)


def test_an_error_of_the_bot_names_bot_channel_and_day(
    client: ChatislavClient, api: Sandbox
) -> None:
    api.configure(bot_status={123: 404})

    with pytest.raises(ChatislavError, match="POST /analytics for bot 123, all, 2026-06-01"):
        DayReader(StoredDays()).read(REQUEST, client)
