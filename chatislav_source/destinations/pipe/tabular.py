"""Makes Arrow tables of what the steps of users return."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa

from chatislav_source.errors import ConfigurationError
from chatislav_source.records.schema import Table

NO_TABLE = (
    "A step of the resource of table {table} returned {kind}, which has no rows. Return an Arrow "
    "table, a data frame, or rows as dicts."
)
NO_KEYS = (
    "A step removed the column {column} of table {table}, by which rows are merged. Keep it; its "
    "values may be replaced."
)


def arrow_tables(table: Table, item: Any) -> Iterator[pa.Table]:
    """The rows of an item of `table` as Arrow tables, without metadata.

    An item is a table, a record batch, a data frame of pandas or polars, a row, or a list of these.

    Raises:
        ConfigurationError: it is something else, or a key of the table is missing.
    """
    if isinstance(item, list) and not all(isinstance(each, dict) for each in item):
        for each in item:
            yield from arrow_tables(table, each)
        return
    rows = _in_own_types(table, _arrow_table(table, item)).replace_schema_metadata(None)
    for key in table.keys:
        if key not in rows.column_names:
            raise ConfigurationError(NO_KEYS.format(column=key, table=table.name))
    yield rows


def _arrow_table(table: Table, item: Any) -> pa.Table:
    if isinstance(item, pa.Table):
        return item
    if isinstance(item, pa.RecordBatch):
        return pa.Table.from_batches([item])
    if hasattr(item, "to_arrow"):  # polars
        return item.to_arrow()
    if isinstance(item, dict | list):
        return _of_dicts(table, item if isinstance(item, list) else [item])
    with suppress(TypeError, AttributeError):
        return pa.Table.from_pandas(item, preserve_index=False)
    raise ConfigurationError(NO_TABLE.format(table=table.name, kind=type(item).__name__))


def _of_dicts(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    own = table.arrow_schema
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {
        name: pa.array(
            [row.get(name) for row in rows], own.field(name).type if name in own.names else None
        )
        for name in names
    }
    return pa.table(columns)


def _in_own_types(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with the table's own Arrow types, where a step only chose another form of them.

    dlt writes all rows of a load into one file, whose types must not change. Timestamps have
    microseconds, as Postgres and BigQuery have no finer ones.
    """
    own = table.arrow_schema
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":  # those of data frames
            column = rows.column(place).cast(pa.timestamp("us", field.type.tz), safe=False)
            rows = rows.set_column(place, field.name, column)
        if field.name not in own.names or not _is_other_form(field.type):
            continue
        with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = rows.column(place).cast(own.field(field.name).type)
            rows = rows.set_column(place, field.name, column)
    return rows


def _is_other_form(data_type: pa.DataType) -> bool:
    kinds = pa.types
    return bool(
        kinds.is_null(data_type)
        or kinds.is_dictionary(data_type)
        or kinds.is_large_string(data_type)
        or kinds.is_string_view(data_type)
    )
