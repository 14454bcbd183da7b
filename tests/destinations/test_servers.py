"""The harness itself, with loads of the shape that the source has: do they come back exactly?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from .warehouses import Row, Warehouse

DAY = date(2026, 6, 23)
MORNING = datetime(2026, 6, 23, 8, 15, 0, 123456, tzinfo=UTC)
HOSTILE = "it's \"q\" \\ back\\\\ \n\r\n\ttab, ; 'x' $1 {} %s \\N \\. ž中😀 \u2028 </x>"

CONVERSATIONS = pa.schema(
    [
        pa.field("bot_id", pa.int64(), nullable=False),
        pa.field("session_id", pa.string(), nullable=False),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("day", pa.date32()),
        ("channel", pa.string()),
        ("human_takeover", pa.bool_()),
        ("helpful", pa.int64()),
        ("cost", pa.float64()),
        ("summary", pa.string()),
    ]
)
MESSAGES = pa.schema(
    [
        pa.field("bot_id", pa.int64(), nullable=False),
        pa.field("session_id", pa.string(), nullable=False),
        ("message_index", pa.int64()),
        ("content", pa.string()),
        ("extra", pa.string()),
        ("is_deleted", pa.bool_()),
    ]
)
KEY = ("bot_id", "session_id")
MERGE_MESSAGES = dlt.mark.make_hints(
    table_name="conversations__messages",
    write_disposition={"disposition": "merge", "strategy": "delete-insert"},
    primary_key="",  # else the key of the conversation would be taken over
    merge_key=KEY,
    columns={"extra": {"data_type": "json"}, "is_deleted": {"hard_delete": True}},
)


def conversation(session_id: str, **fields: Any) -> Row:
    """A conversation in which every column has a value, unless said otherwise."""
    usual = {
        "bot_id": 2**53 + 1,
        "created_at": MORNING,
        "day": DAY,
        "channel": "widget",
        "human_takeover": False,
        "helpful": 1,
        "cost": 0.1,
        "summary": {"sentiment": "positive", "deep": {"er": HOSTILE}},
    }
    return usual | {"session_id": session_id} | fields


def message(session_id: str, index: int, content: str | None, extra: Any = None) -> Row:
    """A message of a conversation of the same bot."""
    keys = {"bot_id": 2**53 + 1, "session_id": session_id, "message_index": index}
    return keys | {"content": content, "extra": extra}


def emptied(session_id: str) -> Row:
    """The row that says: this conversation has no messages any more."""
    return message(session_id, 0, None) | {"is_deleted": True}


def as_json(rows: list[Row], column: str) -> list[Row]:
    """The rows with one column as JSON text, the way Arrow has to carry it."""
    return [
        row | {column: None if row[column] is None else json.dumps(row[column])} for row in rows
    ]


@dlt.resource(
    name="conversations",
    primary_key=KEY,
    write_disposition={"disposition": "merge", "strategy": "upsert"},
    columns={"summary": {"data_type": "json"}},
)
def load_of(conversations: list[Row], messages: list[Row]) -> Iterator[Any]:
    """One load of the two tables."""
    yield pa.Table.from_pylist(as_json(conversations, "summary"), CONVERSATIONS)
    table = pa.Table.from_pylist(as_json(messages, "extra"), MESSAGES)
    yield dlt.mark.with_hints(table, MERGE_MESSAGES, create_table_variant=True)


def in_order(rows: list[Row]) -> list[Row]:
    """Rows as they can be compared: a warehouse gives them in any order."""
    return sorted(rows, key=lambda row: (row["session_id"], row.get("message_index", 0)))


def without_tombstones(rows: list[Row]) -> list[Row]:
    """Messages without the column that only says which of them are none."""
    return [{name: row[name] for name in row if name != "is_deleted"} for row in rows]


def test_a_second_load_changes_empties_and_adds_exactly_what_it_says(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    pipeline = warehouse.pipeline(tmp_path)
    nulls: dict[str, Any] = dict.fromkeys(CONVERSATIONS.names[2:])
    first = [conversation("a"), conversation("b"), conversation("nulls", **nulls)]
    first_messages = [message("a", n, f"a{n}") for n in range(3)] + [message("b", 0, "b0")]
    second = [conversation("a", helpful=0, summary=None), conversation("c", channel=HOSTILE)]
    second_messages = [message("a", 0, HOSTILE, {"k": [1, HOSTILE]}), message("a", 1, "")]

    pipeline.run(load_of(first, first_messages), loader_file_format=warehouse.file_format)
    pipeline.run(
        load_of(second, [*second_messages, emptied("b")]), loader_file_format=warehouse.file_format
    )

    kept = [first[1], first[2]]
    assert in_order(warehouse.rows(pipeline, "conversations")) == in_order([*second, *kept])
    messages = warehouse.rows(pipeline, "conversations__messages")
    assert in_order(without_tombstones(messages)) == second_messages


def test_json_is_json_in_the_warehouse(warehouse: Warehouse, tmp_path: Path) -> None:
    pipeline = warehouse.pipeline(tmp_path)
    rows = [conversation("a"), conversation("b", summary=None)]

    pipeline.run(load_of(rows, []), loader_file_format=warehouse.file_format)

    texts = {
        (session_id, path): warehouse.json_text(
            pipeline, "conversations", "summary", path, f"session_id = '{session_id}'"
        )
        for session_id in ("a", "b")
        for path in ("sentiment", "deep.er", "absent")
    }
    assert texts.pop(("a", "sentiment")) == ["positive"]
    assert texts.pop(("a", "deep.er")) == [HOSTILE]
    assert all(found == [None] for found in texts.values())
