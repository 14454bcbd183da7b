"""A new field of the API is one line in the schema; fast decoding then reads it too."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chatislav_source.records.schema import (
    ANALYTICS,
    CONVERSATIONS,
    MESSAGES,
    SCHEMA_VERSION,
    TABLES,
    Column,
    row_version,
    version_of,
)

NEW: dict[str, list[tuple[str, str, list[str]]]] = {
    "CONVERSATIONS": [
        ("priority", "text", ["priority"]),
        ("turns", "bigint", ["turns"]),
        ("score", "double", ["score"]),
        ("is_test", "bool", ["isTest"]),
        ("closed_at", "timestamp", ["closedAt"]),
        ("tags", "json", ["tags"]),
        ("contact__e_mail", "text", ["contact", "e-mail"]),
        ("contact__place__city", "text", ["contact", "place", "city"]),
        ("device__class", "text", ["device", "class"]),
        ("summary__score", "double", ["summary", "score"]),
        ("summary__topic__name", "text", ["summary", "topic", "name"]),
        ("tags__first", "bigint", ["tags", "first"]),
    ],
    "MESSAGES": [
        ("model", "text", ["model"]),
        ("tokens", "bigint", ["tokens"]),
        ("cost", "double", ["cost"]),
        ("is_hidden", "bool", ["isHidden"]),
        ("edited_at", "timestamp", ["editedAt"]),
    ],
}
CONVERSATION: dict[str, Any] = {
    "sessionId": "s",
    "botId": 123,
    "priority": "high",
    "turns": 2**53 + 1,
    "score": 1,
    "isTest": True,
    "closedAt": "2026-06-23T10:15:00",
    "tags": {"first": 7, "rest": [1.5]},
    "contact": {"ipAddress": "::1", "e-mail": "a@b.rs", "place": {"city": "Niš"}},
    "device": {"class": "phone"},
    "summary": {"sentiment": "positive", "score": 0.25, "topic": {"name": "order"}},
}
MESSAGE: dict[str, Any] = {
    "id": "m",
    "model": "large",
    "tokens": 2**53 + 1,
    "cost": 0.5,
    "isHidden": False,
    "editedAt": "2026-06-23T10:15:00.5",
}
CONVERSATION_VALUES = {
    "priority": "high",
    "turns": 2**53 + 1,
    "score": 1.0,
    "is_test": True,
    "closed_at": "2026-06-23 10:15:00+00:00",
    "tags": '{"first":7,"rest":[1.5]}',
    "contact__ip_address": "::1",
    "contact__e_mail": "a@b.rs",
    "contact__place__city": "Niš",
    "device__class": "phone",
    "summary__sentiment": "positive",
    "summary__score": 0.25,
    "summary__topic__name": "order",
    "tags__first": 7,
    "extra": None,
}
MESSAGE_VALUES = {
    "id": "m",
    "model": "large",
    "tokens": 2**53 + 1,
    "cost": 0.5,
    "is_hidden": False,
    "edited_at": "2026-06-23 10:15:00.500000+00:00",
    "extra": None,
}


def read_with(columns: Any, *pages: list[dict[str, Any]]) -> list[Any]:
    """The rows of each page by fast and by tolerant decoding, with more columns."""
    bodies = [{"conversations": items, "pagination": {"hasMore": False}} for items in pages]
    done = subprocess.run(
        [sys.executable, "-m", "tests.records.with_more_columns", json.dumps(columns)],
        input="\n".join(json.dumps(body, separators=(",", ":")) for body in bodies).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def picked(row: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that a test compares."""
    return {name: row[name] for name in names}


@pytest.mark.parametrize(
    ("more", "sent", "stored"),
    [
        pytest.param([], {}, {}, id="read by arrow"),
        pytest.param(
            [("tool", "json", ["tool"]), ("usage__credits", "double", ["usage", "credits"])],
            {"tool": {"name": "search"}, "usage": {"credits": 2}},
            {"tool": '{"name":"search"}', "usage__credits": 2.0},
            id="with json and nested fields of messages",
        ),
    ],
)
def test_a_column_added_to_the_schema_is_filled_by_fast_decoding(
    more: list[Any], sent: dict[str, Any], stored: dict[str, Any]
) -> None:
    columns = {**NEW, "MESSAGES": [*NEW["MESSAGES"], *more]}
    items = [
        CONVERSATION | {"messages": [MESSAGE | sent, {"id": "bare"}]},
        {"sessionId": "bare", "botId": 123, "messages": []},
    ]

    ((fast, tolerant),) = read_with(columns, items)

    assert fast == tolerant
    (full, bare), (message, bare_message, clearing) = fast
    assert picked(full, CONVERSATION_VALUES) == CONVERSATION_VALUES
    assert picked(message, MESSAGE_VALUES | stored) == MESSAGE_VALUES | stored
    new_names = [name for name, *_ in columns["CONVERSATIONS"]]
    assert {bare[name] for name in new_names} == {None}
    for row in (bare_message, clearing):
        assert {row[name] for name, *_ in columns["MESSAGES"]} == {None}
    assert clearing["_deleted"] is True


UNFIT: dict[str, dict[str, Any]] = {
    "a list for a text": {"priority": ["high"]},
    "a fraction for a whole number": {"turns": 1.5},
    "an integer that no double holds": {"score": 2**53 + 1},
    "no instant": {"closedAt": "soon"},
    "a text for an object": {"device": "phone"},
    "an unknown field of an object": {"device": {"model": 1}},
}
UNFIT_IN_MESSAGES: dict[str, dict[str, Any]] = {
    "a fraction": {"tokens": 1.5},
    "an integer that no double holds": {"cost": 2**53 + 1},
    "a text for a boolean": {"isHidden": "no"},
    "an unknown field": {"mood": "fine"},
}


def test_a_page_whose_value_does_not_fit_a_new_column_is_decoded_tolerantly() -> None:
    pages = [[CONVERSATION | fields | {"messages": [MESSAGE]}] for fields in UNFIT.values()]

    found = read_with(NEW, *pages)

    assert [fast for fast, _ in found] == [None] * len(UNFIT)
    extras = [json.loads(conversation["extra"]) for _, ((conversation,), _) in found]
    assert dict(zip(UNFIT, extras, strict=True)) == UNFIT


def test_a_page_whose_message_does_not_fit_a_new_column_is_decoded_tolerantly() -> None:
    pages = [
        [CONVERSATION | {"messages": [MESSAGE | fields]}] for fields in UNFIT_IN_MESSAGES.values()
    ]

    found = read_with(NEW, *pages)

    assert [fast for fast, _ in found] == [None] * len(UNFIT_IN_MESSAGES)
    extras = [json.loads(message["extra"]) for _, (_, (message,)) in found]
    assert dict(zip(UNFIT_IN_MESSAGES, extras, strict=True)) == UNFIT_IN_MESSAGES


def test_another_column_type_or_path_makes_another_version() -> None:
    column = Column("priority", "text", "New.", ("priority",))
    more = [
        (CONVERSATIONS, column),
        (CONVERSATIONS, replace(column, data_type="json")),
        (CONVERSATIONS, replace(column, json_path=("urgency",))),
        (MESSAGES, column),
        (ANALYTICS, column),
    ]

    versions = {SCHEMA_VERSION} | {
        version_of(*(replace(t, columns=(*t.columns, c)) if t is table else t for t in TABLES))
        for table, c in more
    }

    assert len(versions) == 1 + len(more)
    assert version_of(*TABLES) == SCHEMA_VERSION


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Belgrade")], ids=str)
def test_a_row_has_another_version_by_another_schema(
    monkeypatch: pytest.MonkeyPatch, zone: Any
) -> None:
    before = row_version(b"{}", zone)

    monkeypatch.setattr(
        "chatislav_source.records.schema.version.SCHEMA_VERSION", SCHEMA_VERSION + 1
    )

    assert row_version(b"{}", zone) != before


def test_another_description_is_the_same_version() -> None:
    table = replace(CONVERSATIONS, description="Another text.")

    assert version_of(table, MESSAGES, ANALYTICS) == SCHEMA_VERSION
