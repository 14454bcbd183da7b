"""The worst values that JSON allows: no failed load, no lost row, no changed table schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatislav_source.records.sanitize import sanitized_key
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.sandbox import World
from tests.default_suite import mostly_slow
from tests.exactness.truth import DATASET, TODAY, Bench, bench, days_ago, stored

NOON = datetime.combine(days_ago(2), datetime.min.time()) + timedelta(hours=12)

SESSION_IDS = [
    *("Abc", "abc", "ABC", "a|b?c&d%2F/e", "123", "0123", "cafe\u0301", "caf\u00e9", "чат-1", "🙂"),
    *(
        " lead",
        "trail ",
        "a b",
        "'; drop table x; --",
        "null",
        "NUL\x00id",
        "half\ud800",
        "x" * 2000,
    ),
]

ODD_FIELDS: list[dict[str, Any]] = [
    {"summary": ["a", "list"]},
    {"summary": 7},
    {"summary": "only text"},
    {"summary": True},
    {"summary": {"sentiment": {"deep": 1}, "resolution_status": 5}},
    {"helpful": 2**53 + 1},
    {"helpful": 2**64 + 1},
    {"helpful": 1.5},
    {"helpful": "yes"},
    {"helpful": True},
    {"unknown": 2**53 + 1},
    {"unknown": 2**64 + 12345},
    {"unknown": 1e300},
    {"unknown": ["mixed", 1, None, {"a": []}]},
    {"unknown": "text"},
    {"unknown": None},
    {"session_id": "collides", "SessionID": 1, "bot_id": "x", "synced_at": [], "extra": {"a": 1}},
    {"_deleted": True, "_dlt_id": "x", "_dlt_load_id": 5},
    {"contact": None},
    {"contact": "text"},
    {"contact": {"ipAddress": 5, "more": 1}},
    {"userForm": None},
    {"userForm": {"not": "a list"}},
    {"humanTakeover": "maybe"},
    {"companyId": 101},
    {"channel": 5},
    {"createdAt": "not a date"},
    {"createdAt": None},
    {"lastActivity": None},
    {"feedbackComment": "NUL \x00 and half \ud83d a pair"},
    {"messages": None},
    {"messages": []},
    {"messages": [{}]},
    {"messages": [None, "text", 5]},
    {"messages": [{"id": 5, "content": {"rich": True}, "createdAt": 7, "role": None}]},
    {"messages": [{"id": "a", "content": "A" * 200_000}]},
    {"messages": [{"id": "same", "content": str(n)} for n in range(2_000)]},
]


def plain(session_id: str, bot_id: int = 101) -> dict[str, Any]:
    """A conversation with ordinary values."""
    message = {"id": "m", "createdAt": NOON, "role": "user", "content": "Dobar dan"}
    return {
        "sessionId": session_id,
        "botId": bot_id,
        "companyId": "1",
        "createdAt": NOON,
        "lastActivity": NOON,
        "channel": "widget",
        "resolutionStatus": None,
        "humanTakeover": False,
        "helpful": None,
        "feedbackComment": None,
        "summary": None,
        "userForm": [],
        "contact": {"ipAddress": None, "phoneNumber": None},
        "messages": [message],
    }


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """Two bots with a few ordinary conversations, loaded once."""
    world = World.generate((101, 102), conversations=6, days=4, last_day=TODAY, messages=2)
    with bench(tmp_path, world, start_date=days_ago(4)) as each:
        each.sync()
        yield each


def schema(made: Bench) -> list[Any]:
    """Every column of every table."""
    with duckdb.connect(str(made.database), read_only=True) as connection:
        return connection.sql(
            "SELECT table_schema, table_name, column_name, data_type, is_nullable"
            " FROM information_schema.columns ORDER BY ALL"
        ).fetchall()


def loaded(made: Bench) -> dict[tuple[int, str], dict[str, Any]]:
    """The conversations by key, none double."""
    rows = stored(made.database, CONVERSATIONS)
    found = {(row["bot_id"], row["session_id"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def messages_of(made: Bench, session_id: str) -> list[dict[str, Any]]:
    """The stored messages of a conversation of bot 101, in order."""
    rows = [row for row in stored(made.database, MESSAGES) if row["bot_id"] == 101]
    own = [row for row in rows if row["session_id"] == session_id]
    return sorted(own, key=lambda row: int(row["message_index"]))


@pytest.mark.slow
def test_ids_of_every_kind_stay_distinct_and_bots_may_share_them(made: Bench) -> None:
    for session_id in SESSION_IDS:
        for bot_id in (101, 102):
            made.world.put(bot_id, plain(session_id, bot_id))

    report = made.sync()

    assert report.complete
    keys = {(bot_id, sanitized_key(name)) for name in SESSION_IDS for bot_id in (101, 102)}
    assert len(keys) == 2 * len(SESSION_IDS)
    assert keys <= loaded(made).keys()
    for name in SESSION_IDS:
        assert [row["content"] for row in messages_of(made, sanitized_key(name))] == ["Dobar dan"]


def test_odd_values_fail_no_load_lose_no_row_and_change_no_table(made: Bench) -> None:
    before = schema(made)
    for number, fields in enumerate(ODD_FIELDS):
        made.world.put(101, plain(f"odd-{number}") | fields)

    report = made.sync()

    assert report.complete
    rows = loaded(made)
    assert {(101, f"odd-{number}") for number in range(len(ODD_FIELDS))} <= rows.keys()
    assert schema(made) == before
    for number, fields in enumerate(ODD_FIELDS):
        messages = fields.get("messages", [{}])
        count = None if messages is None else len(messages)
        assert rows[101, f"odd-{number}"]["message_count"] == count
        assert len(messages_of(made, f"odd-{number}")) == (count or 0)


@pytest.mark.slow
def test_values_that_fit_no_column_are_kept_whole_in_extra(made: Bench) -> None:
    made.world.put(101, plain("wide") | {"unknown": 2**64 + 12345, "helpful": 2**64 + 1})

    made.sync()

    with duckdb.connect(str(made.database), read_only=True) as connection:
        query = f"SELECT extra::VARCHAR FROM {DATASET}.conversations WHERE session_id = 'wide'"
        [text] = connection.sql(query).fetchone() or [None]
    assert json.loads(str(text)) == {"unknown": 2**64 + 12345, "helpful": 2**64 + 1}


def test_characters_that_warehouses_refuse_are_replaced_and_counted(made: Bench) -> None:
    text = {"id": "m", "role": "user", "content": "a\x00b\ud800c"}
    made.world.put(101, plain("signs") | {"messages": [text]})

    report = made.sync()

    assert [row["content"] for row in messages_of(made, "signs")] == ["a\ufffdb\ufffdc"]
    assert report.total("replaced_characters") == 2


@pytest.mark.slow
def test_long_and_many_messages_are_loaded_completely(made: Bench) -> None:
    made.world.put(101, plain("long") | {"messages": [{"content": "ž" * 200_000}]})
    made.world.put(101, plain("many") | {"messages": [{"content": str(n)} for n in range(2_000)]})

    made.sync()

    assert messages_of(made, "long")[0]["content"] == "ž" * 200_000
    many = messages_of(made, "many")
    assert [row["content"] for row in many] == [str(n) for n in range(2_000)]


@pytest.mark.parametrize("kind", mostly_slow(["new", "changing_types", "colliding"], "colliding"))
def test_unknown_fields_in_every_place_change_no_table(made: Bench, kind: str) -> None:
    before = schema(made)
    made.api.configure(extra_fields=kind)

    report = made.sync()

    assert report.complete
    assert schema(made) == before
    assert [
        line for line in made.differences() if " extra:" not in line and " summary:" not in line
    ] == []
