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
TYPES = {
    pa.int64(): "bigint",
    pa.string(): "text",
    pa.float64(): "double",
    pa.bool_(): "bool",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp",
}
JSON_COLUMNS = {"summary", "extra"}


def columns_of(schema: pa.Schema) -> dict[str, Any]:
    """dlt's hints for every column, so that it guesses none and leaves none out."""
    return {
        field.name: {
            "data_type": "json" if field.name in JSON_COLUMNS else TYPES[field.type],
            "nullable": field.nullable,
            "description": f"It's the {field.name}.",
        }
        for field in schema
    }


# Each table has hints of its own. Hints of the resource would be taken over by both: a column
# of the one would appear in the other, a key of the one would de-duplicate the other.
MERGE_CONVERSATIONS = dlt.mark.make_hints(
    table_name="conversations",
    write_disposition={"disposition": "merge", "strategy": "upsert", "skip_unchanged_rows": True},
    primary_key=KEY,
    columns=columns_of(CONVERSATIONS),
)
MERGE_MESSAGES = dlt.mark.make_hints(
    table_name="conversations__messages",
    write_disposition={"disposition": "merge", "strategy": "delete-insert"},
    merge_key=KEY,
    columns=columns_of(MESSAGES) | {"is_deleted": {"data_type": "bool", "hard_delete": True}},
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


def as_arrow(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """The rows with JSON as text, which is how Arrow has to carry it."""
    texts = [
        row | {name: json.dumps(row[name]) for name in JSON_COLUMNS if row.get(name) is not None}
        for row in rows
    ]
    return pa.Table.from_pylist(texts, schema)


@dlt.resource(name="conversations")
def load_of(warehouse: Warehouse, conversations: list[Row], messages: list[Row]) -> Iterator[Any]:
    """One load of the two tables, in the shape that is exact in the warehouse."""
    for rows, schema, hints in (
        (conversations, CONVERSATIONS, MERGE_CONVERSATIONS),
        (messages, MESSAGES, MERGE_MESSAGES),
    ):
        items = as_arrow(rows, schema) if warehouse.takes_arrow else rows
        yield dlt.mark.with_hints(items, hints, create_table_variant=True)


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
    texts = (HOSTILE, "", "007", "null", "2026-06-23T10:15:00Z", '{"a": 1}')
    second = [conversation("a", helpful=0, summary=None)]
    second += [conversation(f"c{n}", channel=text) for n, text in enumerate(texts)]
    second_messages = [message("a", 0, HOSTILE, {"k": [1, HOSTILE]}), message("a", 1, "")]

    pipeline.run(
        load_of(warehouse, first, first_messages), loader_file_format=warehouse.file_format
    )
    pipeline.run(
        load_of(warehouse, second, [*second_messages, emptied("b")]),
        loader_file_format=warehouse.file_format,
    )

    kept = [first[1], first[2]]
    assert in_order(warehouse.rows(pipeline, "conversations")) == in_order([*second, *kept])
    messages = warehouse.rows(pipeline, "conversations__messages")
    assert in_order(without_tombstones(messages)) == second_messages


def test_json_is_json_in_the_warehouse(warehouse: Warehouse, tmp_path: Path) -> None:
    pipeline = warehouse.pipeline(tmp_path)
    rows = [conversation("a"), conversation("b", summary=None)]

    pipeline.run(load_of(warehouse, rows, []), loader_file_format=warehouse.file_format)

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


@pytest.mark.parametrize("warehouse", ["snowflake", "bigquery"], indirect=True)
def test_json_that_is_sent_as_text_stays_text(warehouse: Warehouse, tmp_path: Path) -> None:
    """As in the real ones; were the emulators to parse it, a mistake of ours would not show."""
    pipeline = warehouse.pipeline(tmp_path)
    items = as_arrow([conversation("a")], CONVERSATIONS)
    hinted = dlt.mark.with_hints(items, MERGE_CONVERSATIONS, create_table_variant=True)

    pipeline.run([hinted], table_name="conversations", loader_file_format=warehouse.file_format)

    assert warehouse.json_text(pipeline, "conversations", "summary", "sentiment") == [None]
