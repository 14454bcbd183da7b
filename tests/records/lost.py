"""Responses of any shape, and a check for values that are not in their row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from chatislav_source.records.columns import UNREPRESENTABLE, coerce
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.sanitize import sanitized
from chatislav_source.records.schema import Table
from tests.json_values import ANY_JSON, NASTY_TEXT
from tests.records.examples import (
    DOCUMENTED,
)

NAMES = st.sampled_from([*DOCUMENTED, "ipAddress", "extra", "bot_id", "id"]) | NASTY_TEXT
PLAUSIBLE = st.sampled_from(
    ["2026-06-23T10:15:00Z", "2026-06-23T10:15:00", "1", 1, 0, True, 2**53 + 1, 2**64, 1.5, [], {}]
)
FIELDS = st.dictionaries(NAMES, PLAUSIBLE | ANY_JSON, max_size=6)
CONTACTS = st.fixed_dictionaries(
    {}, optional={"ipAddress": ANY_JSON, "phoneNumber": ANY_JSON, "eMail": ANY_JSON}
)
MESSAGE_ITEMS = ANY_JSON | st.dictionaries(
    st.sampled_from(["id", "createdAt", "role", "content", "message", "new"]),
    PLAUSIBLE | ANY_JSON,
    max_size=5,
)
ITEMS = st.builds(
    lambda fields, known, session_id: {**fields, **known, "sessionId": session_id},
    FIELDS,
    st.fixed_dictionaries(
        {},
        optional={
            "contact": CONTACTS | ANY_JSON,
            "summary": st.dictionaries(st.sampled_from(["sentiment", "new"]), ANY_JSON),
            "messages": st.lists(MESSAGE_ITEMS, max_size=3) | ANY_JSON,
        },
    ),
    NASTY_TEXT.filter(bool),
)


def as_sent(item: Any) -> Any:
    """A JSON value after decoding and `sanitized`."""
    return sanitized(decode(json.dumps(item).encode())[0])[0]


Path = tuple[str, ...]
NOTHING = object()


def lost_of(item: Any, row: dict[str, Any], table: Table, ours: set[str]) -> dict[Path, Any]:
    """The values of an object that are neither in a column of its row nor in `extra`."""
    return {
        path: value
        for path, value in values_by_path(item)
        if path and path[0] not in ours and not is_kept(path, value, row, table)
    }


def values_by_path(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each value that is not a filled object, with its path."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from values_by_path(item, (*path, name))
    else:
        yield path, value


def is_kept(path: Path, value: Any, row: dict[str, Any], table: Table) -> bool:
    """Whether a value is in the row, in its column or at its path in a JSON column."""
    for column in table.columns:
        if column.json_path is None:
            continue
        rest = path[len(column.json_path) :]
        if column.data_type == "json" and (*column.json_path, *rest) == path:
            return is_at(row[column.name], rest, value)
        if column.json_path == path and is_in_column(value, row[column.name], column.data_type):
            return True
        if value in (None, {}) and column.json_path[: len(path)] == path:
            return True  # an object without a value is the same as none
    return is_at(row["extra"], path, value)


def is_at(text: str | None, path: Path, value: Any) -> bool:
    """Whether JSON text has the value at the path."""
    found = json.loads(text or "null")
    for name in path:
        found = found.get(name, NOTHING) if isinstance(found, dict) else NOTHING
    return repr(found) == repr(value)


def is_in_column(value: Any, stored: Any, kind: Any) -> bool:
    """Whether `stored` is the value as a column of type `kind` stores it."""
    fitted = None if value is None else coerce(value, kind, UTC)
    return fitted is not UNREPRESENTABLE and stored == fitted
