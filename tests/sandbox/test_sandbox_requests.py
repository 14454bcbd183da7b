"""The sandbox accepts only documented requests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from sandbox_caller import Caller

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.sandbox.api.requests import analytics_query, conversations_query

DAY = "2026-06-20"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "bot_id is required"),
        ({"bot_id": "101"}, "bot_id"),
        ({"bot_id": True}, "bot_id"),
        ({"bot_id": 101.5}, "bot_id"),
        ({"bot_id": 101, "limit": 0}, "limit"),
        ({"bot_id": 101, "limit": 101}, "limit"),
        ({"bot_id": 101, "limit": 1.5}, "limit"),
        ({"bot_id": 101, "limit": "50"}, "limit"),
        ({"bot_id": 101, "q": "x" * 201}, "200"),
        ({"bot_id": 101, "channel": "outlook"}, "channel"),
        ({"bot_id": 101, "channel": None}, "channel"),
        ({"bot_id": 101, "resolution_status": "open"}, "resolution_status"),
        ({"bot_id": 101, "human_takeover": "true"}, "human_takeover"),
        ({"bot_id": 101, "guardrail_flagged": 1}, "guardrail_flagged"),
        ({"bot_id": 101, "from": "20.06.2026"}, "ISO"),
        ({"bot_id": 101, "from": "20260620"}, "ISO"),
        ({"bot_id": 101, "from": "2026-02-30"}, "ISO"),
        ({"bot_id": 101, "to": 20260620}, "to must be a string"),
        ({"bot_id": 101, "from": "2026-06-21", "to": DAY}, "after"),
        ({"bot_id": 101, "botId": 101}, "unknown field: botId"),
        ({"bot_id": 101, "cursor": None}, "cursor"),
        ({"bot_id": 101, "cursor": "no such token"}, "malformed"),
    ],
)
def test_a_request_against_the_documentation_is_refused_with_its_reason(
    call: Caller, body: dict[str, Any], reason: str
) -> None:
    answer = call.post(**body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"bot_id": 101, "to": DAY}, "required"),
        ({"bot_id": 101, "from": DAY}, "required"),
        ({"bot_id": 101, "from": DAY, "to": DAY, "timezone": "Mars/Base"}, "time zone"),
        ({"bot_id": 101, "from": DAY, "to": DAY, "channel": "fax"}, "channel"),
        ({"bot_id": 101, "from": DAY, "to": DAY, "limit": 5}, "unknown field"),
    ],
)
def test_an_analytics_request_against_the_documentation_is_refused(
    call: Caller, body: dict[str, Any], reason: str
) -> None:
    answer = call.post("/analytics", **body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("GET", "/conversations", {}, b"", 405),
        ("POST", "/messages", {}, b"{}", 404),
        ("POST", "/conversations", {"X-API-Key": "wrong"}, b"{}", 401),
        ("POST", "/conversations", {"Content-Type": "text/plain"}, b"{}", 415),
        ("POST", "/conversations", {}, b"[]", 400),
        ("POST", "/conversations", {}, b"{", 400),
    ],
)
def test_method_path_key_and_type_are_checked(
    call: Caller, method: str, path: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"} | headers

    answer = call.http.request(method, call.api.base_url + path, headers=headers, content=content)

    assert answer.status_code == status


def test_a_request_without_key_is_refused(api: Sandbox) -> None:
    assert httpx.post(f"{api.base_url}/conversations", json={"bot_id": 101}).status_code == 401


def test_a_bot_that_does_not_exist_is_not_found(call: Caller) -> None:
    assert call.post(bot_id=999).status_code == 404


def test_the_default_limit_is_50(call: Caller) -> None:
    page = call.post(bot_id=101).json()

    assert len(page["conversations"]) == 50
    assert page["pagination"]["limit"] == 50
    assert page["pagination"]["hasMore"] is True


def test_a_date_only_to_includes_its_whole_day() -> None:
    query = conversations_query({"bot_id": 1, "from": DAY, "to": DAY}, "UTC")

    assert query.start == datetime(2026, 6, 20, tzinfo=UTC).timestamp() * 1_000_000
    assert query.end == datetime(2026, 6, 21, tzinfo=UTC).timestamp() * 1_000_000


def test_a_date_time_to_includes_its_instant_unless_switched_off() -> None:
    body = {"bot_id": 1, "to": "2026-06-20T10:00:00+02:00"}
    instant = datetime(2026, 6, 20, 8, tzinfo=UTC).timestamp() * 1_000_000

    assert conversations_query(body, "UTC").end == instant + 1
    assert conversations_query(body, "UTC", to_inclusive=False).end == instant


def test_an_analytics_day_is_a_day_of_its_timezone() -> None:
    body = {"bot_id": 1, "from": DAY, "to": DAY, "timezone": "Europe/Belgrade"}

    query = analytics_query(body)

    assert query.start == datetime(2026, 6, 19, 22, tzinfo=UTC).timestamp() * 1_000_000
    assert query.end == datetime(2026, 6, 20, 22, tzinfo=UTC).timestamp() * 1_000_000


@pytest.mark.parametrize("date_filter", ["activity", "created"])
def test_from_and_to_filter_on_the_date_that_is_configured(
    api: Sandbox, world: World, call: Caller, date_filter: str
) -> None:
    api.configure(date_filter=date_filter)
    key = {"activity": "lastActivity", "created": "createdAt"}[date_filter]
    expected = [
        row["sessionId"] for row in world.conversations(101) if row[key].date() >= date(2026, 6, 20)
    ]

    found = call.all_ids(bot_id=101, from_=DAY, to="2026-07-31")

    assert 0 < len(found) < 60
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [
        ("channel", "viber", "channel"),
        ("resolution_status", "unresolved", "resolutionStatus"),
        ("human_takeover", True, "humanTakeover"),
        ("human_takeover", False, "humanTakeover"),
    ],
)
def test_a_filter_gives_exactly_the_conversations_that_fit(
    world: World, call: Caller, field: str, value: Any, key: str
) -> None:
    expected = [row["sessionId"] for row in world.conversations(101) if row[key] == value]

    found = call.all_ids(bot_id=101, **{field: value})

    assert sorted(found) == sorted(expected)


def test_guardrail_events_split_the_conversations_in_two(world: World, call: Caller) -> None:
    world.put(101, world.conversations(101)[0] | {"sessionId": "flagged"}, guardrail_flagged=True)

    with_events = call.all_ids(bot_id=101, guardrail_flagged=True)
    without = call.all_ids(bot_id=101, guardrail_flagged=False)

    assert "flagged" in with_events
    assert sorted(with_events + without) == sorted(call.all_ids(bot_id=101))
    world.flag(101, without[0])
    assert call.all_ids(bot_id=101, guardrail_flagged=True).count(without[0]) == 1
    assert call.all_ids(bot_id=101, guardrail_flagged=False) == without[1:]


def test_a_flag_survives_a_change_of_the_conversation(world: World, call: Caller) -> None:
    world.put(101, world.conversations(101)[0] | {"sessionId": "flagged"}, guardrail_flagged=True)

    world.change(101, "flagged", helpful=1)

    assert "flagged" in call.ids(bot_id=101, guardrail_flagged=True)


def test_q_searches_message_content_in_any_case(world: World, call: Caller) -> None:
    session_id = world.conversations(101)[3]["sessionId"]
    world.add_message(101, session_id, "Где је Моја Пошиљка-7?")

    assert call.ids(bot_id=101, q="моја ПОШИЉКА-7") == [session_id]


def test_a_session_id_gives_that_one_conversation(world: World, call: Caller) -> None:
    session_id = world.conversations(101)[5]["sessionId"]

    assert call.ids(bot_id=101, session_id=session_id) == [session_id]
    assert call.ids(bot_id=102, session_id=session_id) == []


def test_keys_can_be_revoked_all_but_some_and_access_disabled(world: World) -> None:
    with Sandbox(world, api_keys=("first", "second")) as api:
        statuses = []
        for change in (
            {},
            {"revoked_keys": {"first"}},
            {"revoked_keys": set(), "revoke_all_after_requests": 3, "still_valid_keys": {"first"}},
            {"still_valid_keys": {"second"}, "auth_failure_status": 403},
            {"revoke_all_after_requests": None, "api_access_enabled": False},
        ):
            api.configure(**change)
            statuses.append(_status(api, "first"))

    assert statuses == [200, 401, 200, 403, 403]


def test_all_keys_are_refused_from_the_configured_request_on(api: Sandbox) -> None:
    api.configure(revoke_all_after_requests=3)

    assert [_status(api, SANDBOX_KEY) for _ in range(4)] == [200, 200, 401, 401]


def _status(api: Sandbox, key: str) -> int:
    body = {"bot_id": 101, "limit": 1}
    return httpx.post(
        f"{api.base_url}/conversations", json=body, headers={"X-API-Key": key}
    ).status_code


def test_the_sandbox_key_is_accepted_by_default(api: Sandbox) -> None:
    assert _status(api, SANDBOX_KEY) == 200
