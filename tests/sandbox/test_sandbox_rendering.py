"""Conversations are served unchanged, in the configured form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from sandbox_caller import Caller, Row, conversation, served

from chatislav_source.sandbox import Sandbox, Settings, World
from chatislav_source.sandbox.rendering.extra_fields import with_extra_fields
from chatislav_source.sandbox.rendering.rows import render_record


@pytest.mark.parametrize("timestamps", ["naive", "z", "offset", "microseconds", "mixed"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_conversations_are_served_in_the_configured_shape(
    call: Caller, world: World, timestamps: str, zone: str
) -> None:
    call.api.configure(timestamps=timestamps, naive_timezone=zone, page_order="oldest_created")
    naive_zone = timezone(timedelta(hours=0 if zone == "UTC" else -4))

    rows = [row for page in call.pages(bot_id=101) for row in page["conversations"]]

    assert [_with_instants(row, naive_zone) for row in rows] == world.conversations(101)


def _with_instants(row: Row, naive_zone: timezone) -> Row:
    def instant(text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=naive_zone)

    messages = [m | {"createdAt": instant(m["createdAt"])} for m in row["messages"]]
    dates = {key: instant(row[key]) for key in ("createdAt", "lastActivity")}
    return row | dates | {"messages": messages}


def test_every_shape_of_timestamps_is_what_its_name_says(call: Caller, world: World) -> None:
    world.put(101, conversation())
    shapes = {}
    for name in ("naive", "z", "offset", "microseconds"):
        call.api.configure(timestamps=name)
        shapes[name] = served(call, "s")["createdAt"]

    assert shapes == {
        "naive": "2026-07-01T12:00:00",
        "z": "2026-07-01T12:00:00Z",
        "offset": "2026-07-01T14:00:00+02:00",
        "microseconds": "2026-07-01T12:00:00.000000",
    }


def test_a_naive_zone_shifts_the_days_that_are_filtered_on(call: Caller, world: World) -> None:
    world.put(101, conversation(lastActivity=datetime(2026, 7, 1, 23, tzinfo=UTC)))
    call.api.configure(naive_timezone="Europe/Belgrade")

    assert call.ids(bot_id=101, from_="2026-07-02", to="2026-07-02") == ["s"]
    assert call.ids(bot_id=101, from_="2026-07-01", to="2026-07-01") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"summary": ["a", 1]},
        {"summary": 7},
        {"helpful": 2**53 + 1},
        {"helpful": 10**40},
        {"feedbackComment": "lone \ud800 surrogate"},
        {"feedbackComment": "NUL \x00 here"},
        {"feedbackComment": "2026-07-01T12:00:00+00:00"},
        {"createdAt": "yesterday"},
        {"lastActivity": None},
        {"contact": None, "userForm": None, "unknown": {"deep": [1, None]}},
        {"messages": None},
        {"messages": ["not an object", None]},
        {"channel": 5, "resolutionStatus": {"is": "odd"}},
    ],
)
def test_hostile_values_are_served_as_they_are(call: Caller, world: World, fields: Row) -> None:
    world.put(101, conversation(**fields))

    row = served(call, "s")

    assert {key: row[key] for key in fields} == fields


@pytest.mark.parametrize("session_id", ["a|?&%/b", "Ђорђе ☎", "ABC", "abc", "\udfff", "x\x00y"])
def test_hostile_session_ids_are_found_and_paged_over(
    call: Caller, world: World, session_id: str
) -> None:
    world.put(101, conversation(session_id))
    call.api.configure(page_token="keyset", page_order="session_id")
    token: Row = {}
    found = []
    while token is not None:
        page = json.loads(call.post(bot_id=101, limit=1, **token).content)
        found += [row["sessionId"] for row in page["conversations"]]
        following = page["pagination"]["nextCursor"]
        token = {"cursor": following} if following else None  # type: ignore[assignment]

    assert found == sorted(found)
    assert session_id in found


@pytest.mark.parametrize(
    ("mode", "messages"), [("null", None), ("empty", []), ("absent", "not there")]
)
def test_messages_can_be_null_empty_or_absent(call: Caller, mode: str, messages: Any) -> None:
    call.api.configure(messages_mode=mode)

    rows = call.post(bot_id=101).json()["conversations"]

    assert all(row.get("messages", "not there") == messages for row in rows)


@pytest.mark.parametrize("kind", ["new", "changing_types", "colliding"])
def test_extra_fields_are_those_that_a_test_can_compute(
    call: Caller, world: World, kind: str
) -> None:
    world.put(101, conversation(contact={"ipAddress": None}, summary={"sentiment": "neutral"}))
    plain = served(call, "s")
    call.api.configure(extra_fields=kind)

    extended = served(call, "s")

    assert extended == with_extra_fields(plain, kind)
    assert all(
        set(part) > set(bare)
        for part, bare in [
            (extended, plain),
            (extended["contact"], plain["contact"]),
            (extended["summary"], plain["summary"]),
            (extended["messages"][0], plain["messages"][0]),
        ]
    )


def test_changing_types_differ_between_rows(call: Caller) -> None:
    call.api.configure(extra_fields="changing_types")

    values = [row["custom"] for row in call.post(bot_id=101).json()["conversations"]]

    assert {str, int, list, dict, type(None)} <= {type(value) for value in values}


def test_rendering_ahead_gives_the_same_pages(call: Caller, world: World) -> None:
    lazily = call.post(bot_id=101).json()

    with Sandbox(world, Settings(prerender=True)) as api:
        ahead = Caller(api, call.http).post(bot_id=101).json()

    assert ahead["conversations"] == lazily["conversations"]


def test_generated_rows_are_written_alike_on_the_quick_and_on_the_common_way(
    world: World,
) -> None:
    shape = Settings().shape()
    quick = render_record(next(iter(world.bots[101].records.values())), 101, shape)
    row = orjson.loads(quick)
    world.put(101, world.conversation(101, row["sessionId"]))

    record = world.bots[101].records[row["sessionId"]]

    assert render_record(record, 101, shape) == quick


def test_a_conversation_that_was_changed_is_rendered_again(call: Caller, world: World) -> None:
    session_id = world.conversations(101)[0]["sessionId"]
    before = served(call, session_id)

    world.change(101, session_id, feedbackComment="Hvala!")

    assert served(call, session_id) == before | {"feedbackComment": "Hvala!"}
