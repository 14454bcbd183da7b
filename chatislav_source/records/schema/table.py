"""What a table and a column are, and the columns that several tables have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

JsonPath = tuple[str, ...]
"""Field names that lead to a value in a JSON object of the API."""

DataType = Literal["bigint", "text", "timestamp", "bool", "json", "double", "date"]

ARROW_TYPES: dict[DataType, pa.DataType] = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "bool": pa.bool_(),
    "json": pa.string(),
    "double": pa.float64(),
    "date": pa.date32(),
}

EXACT_IN_DOUBLE = 2**53  # integers beyond it lose digits in a double


@dataclass(frozen=True)
class Column:
    """A column; `json_path` is the path of its value in the API's object, None if it has none.

    A path that extends that of a JSON column is a copy of a part of it. `personal`: of a person.
    """

    name: str
    data_type: DataType
    description: str
    json_path: JsonPath | None = None
    key: bool = False
    personal: bool = False


@dataclass(frozen=True)
class Table:
    """A table; `description` says what one row is, and `columns` are in order."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema; json columns are JSON text, timestamps are UTC microseconds."""
        return pa.schema(
            [pa.field(c.name, ARROW_TYPES[c.data_type], not c.key) for c in self.columns]
        )

    @property
    def json_paths(self) -> dict[JsonPath, Column]:
        """The columns with a value in the API's object, by its path, in the table's order."""
        return {column.json_path: column for column in self.columns if column.json_path}

    def is_part_of_json(self, path: JsonPath) -> bool:
        """Whether the value at `path` is also part of a JSON column."""
        outer = [self.json_paths.get(path[:depth]) for depth in range(1, len(path))]
        return any(column is not None and column.data_type == "json" for column in outer)

    @property
    def keys(self) -> list[str]:
        """Names of the columns that identify a row, or for messages their conversation."""
        return [column.name for column in self.columns if column.key]


BOT_ID = Column("bot_id", "bigint", "AI agent the row belongs to.", ("botId",), key=True)
SESSION_ID = Column("session_id", "text", "Conversation, unique per bot.", ("sessionId",), key=True)
EXTRA = Column(
    "extra",
    "json",
    "Fields the API sent that have no column, or whose value does not fit its type, by the API's "
    "own names. Null if none.",
    personal=True,
)
SYNCED_AT = Column("synced_at", "timestamp", "When this version of the row was read, UTC.")
VERSION = Column(
    *("_version", "text"),
    "Digest of what the row was made from, 16 hex digits; a conversation's covers its messages. "
    "Under privacy settings, 8 more digits tell which.",
)
LOAD_ID = Column("_dlt_load_id", "text", "The load that wrote this row, see `_dlt_loads`.")
