"""Writes Arrow rows as JSON lines that Snowflake and BigQuery read without loss."""

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
        """The file with its number of rows; JSON lines are always merged."""
        del appends
        yield self.path, self.count


def json_lines(table: Table, rows: pa.Table) -> bytes:
    """One line with a JSON object per row; nulls are left out.

    In a Snowflake VARIANT a written null would become a JSON null, which is not NULL of SQL.
    JSON columns are written unchanged. Timestamps are ISO in UTC with Z, dates ISO.
    """
    names = [column.name for column in table.columns]
    values = [_values(rows[column.name], column.data_type) for column in table.columns]
    lines = [
        orjson.dumps({n: value for n, value in zip(names, row, strict=True) if value is not None})
        for row in zip(*values, strict=True)
    ]
    return b"".join(line + b"\n" for line in lines)


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
