"""Writes Arrow rows as parquet with JSON columns, which dlt's own parquet has not."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from chatislav_source.errors import ConfigurationError
from chatislav_source.records.schema import Table

PARQUET: Final = "parquet"
"""dlt's name of the format."""

ROW_GROUP_BYTES = 4 * 1024 * 1024  # of Arrow; loads that run in parallel each hold a row group

WRONG_TYPE = (
    "A step made {kind} of the column {column} of table {table}, which cannot be stored as {own}. "
    "Return values of the column's own type, or add a column with another name."
)


def write_parquet(folder: Path, table: Table, rows: pa.Table, json_type: pa.DataType) -> Path:
    """A new file in `folder` with the rows; columns with JSON are of `json_type`.

    Raises:
        ConfigurationError: a step of the user changed a column of `table` to another type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table.name}.{uuid.uuid4().hex}.parquet"
    typed = with_types(table, rows, json_type)
    size = max(1, typed.num_rows * ROW_GROUP_BYTES // max(1, typed.nbytes))
    pq.write_table(
        typed,
        path,
        row_group_size=size,
        compression="none",  # dlt reads it once, on this machine
        use_dictionary=False,
        write_statistics=False,
    )
    return path


def with_types(table: Table, rows: pa.Table, json_type: pa.DataType) -> pa.Table:
    """The rows with all columns of the table in their order and types, then the added columns.

    dlt would read and write a file anew whose columns differ from the table's. A column without any
    value that the table does not have is left out, as it has no type.
    """
    fields, columns = [], []
    for column, field in zip(table.columns, table.arrow_schema, strict=True):
        own = field.with_type(json_type) if column.data_type == "json" else field
        fields.append(own)
        columns.append(_own(table, rows, own))
    names = set(table.arrow_schema.names)
    for name, values in zip(rows.column_names, rows.columns, strict=True):
        if name not in names and not pa.types.is_null(values.type):
            columns.append(_added(values, json_type))
            fields.append(pa.field(name, columns[-1].type))
    return pa.table(columns, pa.schema(fields))


def _own(table: Table, rows: pa.Table, field: pa.Field) -> Any:
    """The values of a column of the table; nulls if a step has removed it."""
    if field.name not in rows.column_names:
        return pa.nulls(rows.num_rows, field.type)
    column = rows[field.name]
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        text = WRONG_TYPE.format(
            kind=column.type, column=field.name, table=table.name, own=field.type
        )
        raise ConfigurationError(text) from None  # the cause may quote a value


def _added(column: pa.ChunkedArray, json_type: pa.DataType) -> pa.ChunkedArray:
    """A column that a step of the user added, in the type of the column that dlt creates."""
    kinds = pa.types
    if kinds.is_nested(column.type):
        texts = [None if value is None else _json(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())]).cast(json_type)
    if kinds.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if kinds.is_floating(column.type):
        return column.cast(pa.float64())
    return column


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
