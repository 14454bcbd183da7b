"""Arrow rows as JSON lines, in the form that Snowflake and BigQuery both read without loss."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.schema import EXACT_IN_DOUBLE, DataType, Table

JSON_LINES: Final = "jsonl"
"""dlt's name of the format."""


class JsonLinesFile:
    """Rows of one table as compressed JSON lines."""

    def __init__(self, path: Path, table: Table) -> None:
        self.path, self.table, self.count = path, table, 0
        self._file = gzip.open(path, "wb", compresslevel=1)  # noqa: SIM115 - see `close`

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        self.count += rows.num_rows
        self._file.write(json_lines(self.table, rows))

    def close(self) -> None:
        """Finish the file; closing again has no effect."""
        self._file.close()

    def parts(self, appends: bool) -> Iterator[tuple[Path, int]]:
        """The one file with its number of rows; it is merged in any case."""
        del appends
        yield self.path, self.count


def json_lines(table: Table, rows: pa.Table) -> bytes:
    """One JSON object per row and line; nulls are left out.

    A null that is written would become JSON's null in a Snowflake VARIANT, which is not SQL's.
    JSON columns are written unchanged, to the digit. Timestamps are ISO in UTC with Z, dates ISO.
    """
    names = [column.name for column in table.columns]
    values = [_values(rows[column.name], column.data_type) for column in table.columns]
    lines = [
        orjson.dumps({name: value for name, value in zip(names, row, strict=True) if _is(value)})
        for row in zip(*values, strict=True)
    ]
    return b"".join(line + b"\n" for line in lines)


def _is(value: Any) -> bool:
    return value is not None


def _values(column: pa.ChunkedArray, data_type: DataType) -> list[Any]:
    """The values of a column as orjson takes them."""
    if data_type == "timestamp":
        in_utc = column.cast(pa.timestamp("us"))  # without a zone none has to be looked up
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
    # BigQuery reads a greater number as a double, unless it is text
    return str(value) if value is not None and abs(value) > EXACT_IN_DOUBLE else value
