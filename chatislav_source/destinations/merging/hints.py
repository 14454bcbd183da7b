"""The dlt hints of each table: columns, keys and write disposition; and the hints of users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema, TTableReferenceInline, TWriteDispositionConfig
from dlt.extract import DltResource

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.destinations.merging.strategies import Strategy
from chatislav_source.errors import ConfigurationError
from chatislav_source.records.history.table import HISTORY_TABLES
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.rejected.table import ALL_TABLES, REJECTED
from chatislav_source.records.schema import (
    CONVERSATIONS,
    DELETED,
    MESSAGE_KEYS,
    MESSAGES,
    Column,
    Table,
)

UPSERT: TWriteDispositionConfig = {"disposition": "merge", "strategy": "upsert"}
REPLACE_SET: TWriteDispositionConfig = {"disposition": "merge", "strategy": "delete-insert"}
REPLACE_ROWS: TWriteDispositionConfig = {
    "disposition": "merge",
    "strategy": "delete-insert",
    "deduplicated": True,  # a load has each key once
}
TO_PARENT: list[TTableReferenceInline] = [
    {
        "columns": ["bot_id", "session_id"],
        "referenced_table": CONVERSATIONS.name,
        "referenced_columns": ["bot_id", "session_id"],
    }
]


REFUSED = (
    "The hint {hint} of resource {resource} cannot be honoured: {why} Remove it from apply_hints "
    "or pipeline.run."
)
WHY_TABLE_NAME = (
    "the tables have fixed names, as messages refer to their conversations and a sync reads its "
    "tables back. A view can give a table another name."
)
WHY_DISPOSITION = (
    "rows are merged by their keys, as a sync reads only what may have changed. To load all rows "
    'anew, run with refresh="drop_resources".'
)
WHY_KEYS = "rows are merged by {keys}, which identify a row in the API."
WHY_INCREMENTAL = "the source has its own state; set start_date or lookback_days instead."
WHY_NESTED = "no table of this source is nested."


def refuse_hints(resource: DltResource) -> None:
    """Check the hints that the user gave to a resource.

    Raises:
        ConfigurationError: a hint cannot be honoured.
    """
    for hint, why in _problems(resource):
        raise ConfigurationError(REFUSED.format(hint=hint, resource=resource.name, why=why))


def _problems(resource: DltResource) -> Iterator[tuple[str, str]]:
    if resource.table_name not in (resource.name, *(table.name for table in ALL_TABLES)):
        yield "table_name", WHY_TABLE_NAME
        return
    if resource.parent_table_name or resource.nested_hints:
        yield "parent_table_name" if resource.parent_table_name else "nested_hints", WHY_NESTED
    if resource.write_disposition not in ("merge", UPSERT, {"disposition": "merge"}):
        yield "write_disposition", WHY_DISPOSITION
    if resource.incremental is not None:
        yield "incremental", WHY_INCREMENTAL
    keys = _table_of(resource).keys
    for hint in ("primary_key", "merge_key"):
        columns = resource.compute_table_schema()["columns"].values()
        given = {column["name"] for column in columns if column.get(hint)}
        if given - set(keys) or (given and hint == "primary_key" and given != set(keys)):
            yield hint, WHY_KEYS.format(keys=" and ".join(keys))


def _table_of(resource: DltResource) -> Table:
    """The table of the resource's own rows; a renamed resource is of conversations."""
    return next((table for table in ALL_TABLES if table.name == resource.name), CONVERSATIONS)


def hints_of(
    table: Table,
    adapter: Adapter,
    file_format: str | None,
    table_format: Any,
    strategy: Strategy | None,
    resource: DltResource,
) -> Any:
    """The hints for a table: name, columns, keys and write disposition.

    Formats that are None are the choice of dlt; with `strategy` None the rows are appended. The
    user's hints for columns of the resource's own table are added.
    """
    is_child = table is MESSAGES
    columns = adapted_hints(table, adapter)
    if is_child:
        _set_keys(columns, strategy)
    if table in HISTORY_TABLES:
        columns = _with_hints_of_user(columns, resource, only_own=True)
        strategy = None  # no item has rows of it, so there is nothing to merge
    if is_child or table in (ANALYTICS_PERIODS, *HISTORY_TABLES, REJECTED):
        # dlt starts from the hints of the resource, whose columns are those of its own table
        resource.apply_hints(table_name=table.name, columns={}, create_table_variant=True)
    else:
        columns = _with_hints_of_user(columns, resource)
    return dlt.mark.make_hints(
        table_name=table.name,
        columns=columns,
        write_disposition=_write_disposition(table, strategy),
        references=TO_PARENT if is_child else None,
        table_format=table_format,
        file_format=file_format,  # type: ignore[arg-type]
        additional_table_hints={"description": table.description, **adapter.table_hints(table)},
    )


def adapted_hints(table: Table, adapter: Adapter) -> dict[str, TColumnSchema]:
    """The hints for the columns of a table, in order, with those of the destination."""
    return {column.name: _column_hints(table, column, adapter) for column in table.columns}


def _write_disposition(table: Table, strategy: Strategy | None) -> TWriteDispositionConfig:
    if strategy is None:
        return "append"
    if strategy == "upsert":
        return UPSERT
    return REPLACE_SET if table is MESSAGES else REPLACE_ROWS


def _with_hints_of_user(
    columns: dict[str, TColumnSchema], resource: DltResource, only_own: bool = False
) -> dict[str, Any]:
    """The columns with the hints that the user gave; `only_own` leaves out further columns."""
    given: Any = resource.columns
    if not isinstance(given, dict):
        return columns
    merged = {
        name: {**columns.get(name, {}), **hints}
        for name, hints in given.items()
        if name in columns or not only_own
    }
    return columns | merged


def column_hints(column: Column) -> TColumnSchema:
    """The hints for a column in any table: name, type, whether it may be null, and description.

    A personal one also has dlt's annotation for catalogs.
    """
    hints: TColumnSchema = {
        "name": column.name,
        "data_type": column.data_type,
        "nullable": not column.key,
        "description": column.description,
    }
    if column.personal:
        hints |= {"x-annotation-pii": True}  # type: ignore[misc]
    return hints


def _column_hints(table: Table, column: Column, adapter: Adapter) -> TColumnSchema:
    hints = column_hints(column)
    if column.key and table is not MESSAGES:
        hints["primary_key"] = True
    if column.name == DELETED and table is not MESSAGES:
        hints["hard_delete"] = True
    hints.update(adapter.column_hints(table, column))  # type: ignore[typeddict-item]
    return hints


def _set_keys(columns: dict[str, TColumnSchema], strategy: Strategy | None) -> None:
    """Mark the columns by which messages are merged: as a set, or each by its place."""
    if strategy == "upsert":
        for key in MESSAGE_KEYS:
            columns[key]["primary_key"] = True
            columns[key]["nullable"] = False
        return
    for key in MESSAGES.keys:
        columns[key]["merge_key"] = True
    columns[DELETED]["hard_delete"] = True
