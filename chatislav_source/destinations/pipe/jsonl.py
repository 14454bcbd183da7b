"""Writes Arrow rows as JSON lines that Snowflake and BigQuery read without loss."""

from __future__ import annotations

import base64
import gzip
import uuid
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.schema import EXACT_IN_DOUBLE, DataType, Table

JSON_LINES: Final = "jsonl"
"""dlt's name of the format."""


def write_json_lines(folder: Path, table: Table, rows: pa.Table) -> Path:
    """A new file in `folder` with the rows as compressed JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table.name}.{uuid.uuid4().hex}.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines(table, rows), compresslevel=1))
    return path


def json_lines(table: Table, rows: pa.Table) -> bytes:
    """One line with a JSON object per row; nulls are left out.

    In a Snowflake VARIANT a written null would become a JSON null, which is not NULL of SQL.
    JSON columns are written unchanged. Timestamps are ISO in UTC with Z, dates ISO.
    """
    types = {column.name: column.data_type for column in table.columns}
    names = [name for name in types if name in rows.column_names]
    names += [name for name in rows.column_names if name not in types]
    values = [_values(rows[name], types.get(name) or _data_type(rows[name])) for name in names]
    lines = [
        orjson.dumps(
            {n: value for n, value in zip(names, row, strict=True) if value is not None},
            default=_text,
        )
        for row in zip(*values, strict=True)
    ]
    return b"".join(line + b"\n" for line in lines)


def _data_type(column: pa.ChunkedArray) -> DataType:
    """The type of a column that a step of the user has added."""
    if pa.types.is_timestamp(column.type):
        return "timestamp"
    if pa.types.is_date(column.type):
        return "date"
    return "bigint" if pa.types.is_integer(column.type) else "text"


def _text(value: Any) -> str:
    """A value without a JSON type, such as a decimal, as dlt writes it."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _values(column: pa.ChunkedArray, data_type: DataType) -> list[Any]:
    """The values of a column in types that orjson writes."""
    if data_type == "timestamp":
        in_utc = column.cast(pa.timestamp("us"))  # without a zone, as zone look-ups take time
        return list(pc.strftime(in_utc, format="%Y-%m-%dT%H:%M:%SZ").to_pylist())
    if data_type == "date":
        return list(column.cast(pa.string()).to_pylist())
    values: list[Any] = column.to_pylist()
    if data_type == "json":
        return [text and orjson.Fragment(text) for text in values]
    if data_type == "bigint":
        return [_whole(value) for value in values]
    return values


def _whole(value: int | None) -> int | str | None:
    # BigQuery reads a larger number as a double, unless it is text
    return str(value) if value is not None and abs(value) > EXACT_IN_DOUBLE else value
