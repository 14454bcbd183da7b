"""Conversations that are stored twice are found and removed, in every warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source.destinations.concurrency.doubles import remove, stored_twice
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES

from .warehouses import Warehouse

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMESTAMP: Any = {
    "created_at": {"data_type": "timestamp"},
    "message_count": {"data_type": "bigint"},
}
STORED: dict[str, tuple[int, int | None, list[int]]] = {
    "exact": (1, 2, [0, 1]),
    "without messages": (1, 0, []),
    "unknown": (1, None, [0, 1]),
    "unknown and none": (1, None, []),
    "row twice": (2, 1, [0]),
    "messages twice": (1, 2, [0, 1, 0, 1]),
    "one message twice": (1, 2, [0, 0]),
    "unknown twice": (1, None, [0, 0]),
    "message missing": (1, 2, [0]),
    "message too many": (1, 0, [0]),
}
"""By session: copies of the row, its `message_count`, and the places of its stored messages."""

EXACT = {"exact", "without messages", "unknown", "unknown and none"}


def load(pipeline: dlt.Pipeline, bot_id: int) -> str:
    """Append the rows of `STORED`; returns the load's id."""
    rows = [
        {"bot_id": bot_id, "session_id": name, "created_at": NOON, "message_count": count}
        for name, (copies, count, _) in STORED.items()
        for _ in range(copies)
    ]
    messages = [
        {"bot_id": bot_id, "session_id": name, "message_index": place}
        for name, (_, _, places) in STORED.items()
        for place in places
    ]
    data = [
        dlt.resource(rows, name=CONVERSATIONS.name, columns=TIMESTAMP),
        dlt.resource(messages, name=MESSAGES.name),
    ]
    return str(pipeline.run(data).loads_ids[0])


def sessions(warehouse: Warehouse, pipeline: dlt.Pipeline, table: str) -> set[tuple[int, str]]:
    """The keys of a table."""
    return {(row["bot_id"], row["session_id"]) for row in warehouse.rows(pipeline, table)}


def test_what_is_stored_twice_is_found_by_its_loads_and_removed(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    pipeline = warehouse.pipeline(tmp_path)
    first, second = (load(pipeline, bot_id) for bot_id in (1, 2))
    wrong = {(bot_id, name) for bot_id in (1, 2) for name in STORED.keys() - EXACT}

    with pipeline.sql_client() as client:
        every = stored_twice(client, None)
        of_second = stored_twice(client, [second, "none"])
        of_none = stored_twice(client, [])
        of_both = stored_twice(client, [first, second])
        of_bot = stored_twice(client, bot_ids=[2])
        of_no_bot = stored_twice(client, bot_ids=[])
        of_filtered = stored_twice(client, [first], may_lack_messages=True)
        remove(client, [(bot_id, session_id) for bot_id, session_id, _ in of_second])
        left = stored_twice(client, None)

    assert {(bot_id, session_id) for bot_id, session_id, _ in every} == wrong
    assert {(bot_id, session_id) for bot_id, session_id, _ in of_second} == {
        key for key in wrong if key[0] == 2
    }
    assert {created_at.astimezone(UTC) for _, _, created_at in every if created_at} == {NOON}
    assert (of_none, of_no_bot, sorted(of_both)) == ([], [], sorted(every))
    assert sorted(of_bot) == sorted(of_second)
    assert {(bot_id, session_id) for bot_id, session_id, _ in of_filtered} == {
        key for key in wrong if key[0] == 1 and key[1] != "message missing"
    }
    assert len(every) == len(wrong)
    assert {(bot_id, session_id) for bot_id, session_id, _ in left} == {
        key for key in wrong if key[0] == 1
    }
    kept = {(1, name) for name in STORED} | {(2, name) for name in EXACT}
    assert sessions(warehouse, pipeline, CONVERSATIONS.name) == kept
    assert sessions(warehouse, pipeline, MESSAGES.name) <= kept


def test_a_removal_that_fails_removes_nothing(duckdb_warehouse: Warehouse, tmp_path: Path) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)
    load(pipeline, 1)
    before = sessions(duckdb_warehouse, pipeline, MESSAGES.name)
    with pipeline.sql_client() as client:
        client.execute_sql(f"ALTER TABLE {CONVERSATIONS.name} RENAME TO elsewhere")

        with pytest.raises(Exception, match="conversations"):
            remove(client, [(1, "exact")])

    assert sessions(duckdb_warehouse, pipeline, MESSAGES.name) == before
