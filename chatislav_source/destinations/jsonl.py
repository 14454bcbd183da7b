"""Arrow rows as JSON lines, in the one form that every warehouse reads without loss."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.schema import DataType, Table

EXACT_IN_DOUBLE = 2**53  # BigQuery reads a greater number as a double, unless it is text


def json_lines(table: Table, rows: pa.Table) -> bytes:
    """One JSON object per row and line; nulls are left out.

    A null that is there would be JSON's null in a Snowflake VARIANT, which is not SQL's. JSON
    columns go in as they are, to the digit. Instants are ISO in UTC with Z, days ISO.
    """
    names = [column.name for column in table.columns]
    values = [_values(rows[column.name], column.kind) for column in table.columns]
    lines = [
        orjson.dumps({name: value for name, value in zip(names, row, strict=True) if _is(value)})
        for row in zip(*values, strict=True)
    ]
    return b"".join(line + b"\n" for line in lines)


def _is(value: Any) -> bool:
    return value is not None


def _values(column: pa.ChunkedArray, kind: DataType) -> list[Any]:
    """The values of a column as orjson takes them."""
    if kind == "timestamp":
        in_utc = column.cast(pa.timestamp("us"))  # without a zone none has to be looked up
        return list(pc.strftime(in_utc, format="%Y-%m-%dT%H:%M:%SZ").to_pylist())
    if kind == "date":
        return list(column.cast(pa.string()).to_pylist())
    values: list[Any] = column.to_pylist()
    if kind == "json":
        return [text and orjson.Fragment(text) for text in values]
    if kind == "bigint":
        return [_whole(value) for value in values]
    return values


def _whole(value: int | None) -> int | str | None:
    return str(value) if value is not None and abs(value) > EXACT_IN_DOUBLE else value
