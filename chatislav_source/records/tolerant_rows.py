"""Tolerant conversion: makes rows of pages and of analytics days from JSON values of any shape.

No value is lost: a documented field is in its column, any other value in `extra`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa

from chatislav_source.records.columns import column_array, json_text, value_at
from chatislav_source.records.json_decoder import Row
from chatislav_source.records.known_fields import known_fields
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.sanitize import is_too_long, session_key
from chatislav_source.records.schema import (
    ANALYTICS,
    ARROW_TYPES,
    CONVERSATIONS,
    DELETED,
    GUARDRAIL_FLAGGED,
    LOAD_ID,
    MESSAGES,
    VERSION,
    JsonPath,
    Table,
    row_version,
)

CONVERSATION_FIELDS = known_fields(CONVERSATIONS, others=["messages"])
MESSAGE_FIELDS = known_fields(MESSAGES)
ANALYTICS_FIELDS = known_fields(ANALYTICS, others=["from", "to"])  # checked to be the requested day
SCHEMA = "chatislav_v1"


@dataclass(frozen=True)
class DayTotals:
    """The values of one row of a day or period; `own` has the columns that the response lacks."""

    response: Row = field(repr=False)
    own: Row
    read_at: datetime


def version_of(item: Row, zone: tzinfo) -> str:
    """The `_version` of the row of `item`: it differs if any value differs."""
    try:
        text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, or nested too deep for orjson
        text = json.dumps(item, sort_keys=True).encode()
    return row_version(text, zone)


def session_id_of(item: Row) -> str | None:
    """The conversation's `session_key`; None if it has none, so that it cannot be identified."""
    value = item.get("sessionId")
    if isinstance(value, int) and not isinstance(value, bool):
        return session_key(str(value))
    return session_key(value) if isinstance(value, str) and value else None


def page_rows(
    items: Sequence[Row],
    session_ids: Sequence[str],
    versions: Sequence[str],
    bot_id: int,
    zone: tzinfo,
    read_at: datetime,
    flags: Sequence[bool | None] | None = None,
) -> RecordBatch:
    """The rows of `items`, with their ids, versions and flags; `read_at` becomes `synced_at`."""
    lists = [item.get("messages") for item in items]
    known = [isinstance(value, list) for value in lists]
    own: dict[str, Sequence[Any]] = {
        "bot_id": [bot_id] * len(items),
        "session_id": session_ids,
        "message_count": [len(m) if isinstance(m, list) else None for m in lists],
        GUARDRAIL_FLAGGED.name: [None] * len(items) if flags is None else flags,
        "synced_at": _each_time(read_at, len(items)),
        VERSION.name: versions,
    }
    extras = [_conversation_extra(item) for item in items]
    conversations = _table(CONVERSATIONS, items, own, extras, zone)
    messages, parents = _message_rows(lists, session_ids, bot_id, zone, read_at)
    times = _times(conversations)
    return RecordBatch(conversations, messages, parents, known, session_ids, versions, *times)


def _times(conversations: pa.Table) -> tuple[list[int | None], list[int | None]]:
    """Microseconds of `created_at` and of `last_activity`, row by row."""
    created, active = (
        conversations[name].cast(pa.int64()).to_pylist() for name in ("created_at", "last_activity")
    )
    return created, active


def _message_rows(
    lists: Sequence[Any], session_ids: Sequence[str], bot_id: int, zone: tzinfo, read_at: datetime
) -> tuple[pa.Table, pa.Array]:
    """One row per message, and a clearing row for each conversation whose list is empty."""
    filled = [value if isinstance(value, list) else () for value in lists]
    cleared = [number for number, value in enumerate(lists) if value == []]
    messages: list[Any] = list(chain.from_iterable(filled))
    parents = [number for number, value in enumerate(filled) for _ in value] + cleared
    indexes = [index for value in filled for index in range(len(value))] + [None] * len(cleared)
    own: dict[str, Sequence[Any]] = {
        "bot_id": [bot_id] * len(parents),
        "session_id": pa.array(session_ids, pa.string()).take(pa.array(parents, pa.int32())),
        "message_index": indexes,
        DELETED: [None] * len(messages) + [True] * len(cleared),
        "synced_at": _each_time(read_at, len(parents)),
    }
    items = [m if isinstance(m, dict) else {} for m in messages] + [{}] * len(cleared)
    extras = [_message_extra(m) for m in messages] + [None] * len(cleared)
    table = _table(MESSAGES, items, own, extras, zone)
    return table, pa.array(parents, pa.int32())


def _conversation_extra(item: Row) -> Row | None:
    extra = CONVERSATION_FIELDS.unknown_in(item)
    messages = item.get("messages")
    if messages is not None and not isinstance(messages, list):
        extra = {**(extra or {}), "messages": messages}
    session_id = item.get("sessionId")
    if is_too_long(str(session_id)):
        extra = {**(extra or {}), "sessionId": session_id}  # the column has only its key
    return extra


def _message_extra(message: Any) -> Row | None:
    if not isinstance(message, dict):
        return {"message": message}
    return MESSAGE_FIELDS.unknown_in(message)


def _table(
    table: Table,
    items: Sequence[Row],
    own: dict[str, Sequence[Any]],
    extras: list[Row | None],
    zone: tzinfo,
) -> pa.Table:
    """The Arrow table of `items`; `own` has the columns that are not in `items`.

    Values that do not fit their column are added to `extras`.
    """
    arrays = {}
    for column in table.columns:
        if column.name in own:
            arrays[column.name] = pa.array(own[column.name], ARROW_TYPES[column.data_type])
        elif column.json_path:
            values = _values(items, column.json_path)
            arrays[column.name], unrepresentable = column_array(values, column.data_type, zone)
            if unrepresentable and not table.is_part_of_json(column.json_path):
                for number, value in unrepresentable.items():
                    extras[number] = _with_unrepresentable(extras[number], column.json_path, value)
    arrays[LOAD_ID.name] = pa.nulls(len(items), pa.string())
    arrays["extra"] = pa.array(
        [json_text(extra) if extra else None for extra in extras], pa.string()
    )
    return pa.table([arrays[c.name] for c in table.columns], schema=table.arrow_schema)


def _each_time(moment: datetime, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(moment, ARROW_TYPES["timestamp"]), count)


def _values(items: Iterable[Row], path: JsonPath) -> list[Any]:
    if len(path) == 1:
        name = path[0]
        return [item.get(name) for item in items]
    return [value_at(item, path) for item in items]


def _with_unrepresentable(extra: Row | None, path: JsonPath, value: Any) -> Row:
    """`extra` with `value` added at `path`, under the API's names."""
    name, *rest = path
    result = dict(extra or {})
    if rest:
        inner = result.get(name)
        result[name] = _with_unrepresentable(
            inner if isinstance(inner, dict) else None, tuple(rest), value
        )
    else:
        result[name] = value
    return result


def analytics_rows(days: Sequence[DayTotals], table: Table = ANALYTICS) -> pa.Table:
    """One row of `analytics`, or of a table with more keys, for each day or period."""
    if not days:
        return table.arrow_schema.empty_table()
    responses = [day.response for day in days]
    own: dict[str, Sequence[Any]] = {name: [day.own[name] for day in days] for name in days[0].own}
    own["synced_at"] = [day.read_at for day in days]
    return _table(table, responses, own, [_analytics_extra(each) for each in responses], UTC)


def _analytics_extra(response: Row) -> Row | None:
    unknown = ANALYTICS_FIELDS.unknown_in(response) or {}
    if unknown.get("schema") == SCHEMA:
        del unknown["schema"]  # stored only if it is another schema
    return unknown or None
