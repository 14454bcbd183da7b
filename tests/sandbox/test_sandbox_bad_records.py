"""Records that no client can load, as they are sent."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from sandbox_caller import Caller, conversation

from chatislav_source.sandbox import World
from chatislav_source.sandbox.rendering.bad_records import BAD_RECORDS


def sent(call: Caller, world: World, kind: str) -> bytes:
    """The record as it is sent."""
    world.put(101, conversation())
    call.api.configure(bad_records={"s": kind})
    body = call.post(bot_id=101, session_id="s").content
    return body.removeprefix(b'{"conversations":[').partition(b'],"pagination"')[0]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("null_id", {"sessionId": None}),
        ("empty_id", {"sessionId": ""}),
        ("object_id", {"sessionId": {"id": 1}}),
        ("other_bot", {"botId": 102}),
    ],
)
def test_a_field_is_changed(call: Caller, world: World, kind: str, fields: dict[str, Any]) -> None:
    good = json.loads(sent(call, world, "no_object"))

    assert json.loads(sent(call, world, kind)) == json.loads(good) | fields


def test_the_id_is_left_out(call: Caller, world: World) -> None:
    assert "sessionId" not in json.loads(sent(call, world, "no_id"))


def test_a_record_is_null_or_a_text(call: Caller, world: World) -> None:
    assert sent(call, world, "null") == b"null"
    assert isinstance(json.loads(sent(call, world, "no_object")), str)


def test_a_record_cannot_be_decoded(call: Caller, world: World) -> None:
    for kind in ("no_json", "no_utf8", "too_deep"):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(sent(call, world, kind))


def test_analytics_of_a_day_are_nested_too_deep(call: Caller) -> None:
    call.api.configure(bad_analytics={"2026-06-23"})
    days = ({"from": day, "to": day} for day in ("2026-06-23", "2026-06-24"))

    bad, good = (call.post("/analytics", bot_id=101, **day).content for day in days)

    assert json.loads(good)["analytics"]
    assert bad.endswith(b"[" * 1100 + b"]" * 1100 + b"}")


def test_an_unknown_kind_is_refused_with_the_known_ones(call: Caller) -> None:
    with pytest.raises(ValueError, match=", ".join(BAD_RECORDS)):
        call.api.configure(bad_records={"s": "odd"})
