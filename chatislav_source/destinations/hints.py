"""The dlt hints of each table: columns, keys and write disposition."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema, TTableReferenceInline, TWriteDispositionConfig

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.records.schema import (
    CONVERSATIONS,
    DELETED,
    MESSAGES,
    Column,
    Table,
)

UPSERT: TWriteDispositionConfig = {"disposition": "merge", "strategy": "upsert"}
REPLACE_SET: TWriteDispositionConfig = {"disposition": "merge", "strategy": "delete-insert"}
TO_PARENT: list[TTableReferenceInline] = [
    {
        "columns": ["bot_id", "session_id"],
        "referenced_table": CONVERSATIONS.name,
        "referenced_columns": ["bot_id", "session_id"],
    }
]


def hints_of(
    table: Table, adapter: Adapter, file_format: str | None = None, appends: bool = False
) -> Any:
    """The hints for a table: name, columns, keys and write disposition.

    `file_format` None is the choice of dlt; without `appends` the rows are merged.
    """
    is_child = table is MESSAGES
    return dlt.mark.make_hints(
        table_name=table.name,
        columns={c.name: _column_hints(table, c, adapter) for c in table.columns},
        write_disposition="append" if appends else REPLACE_SET if is_child else UPSERT,
        references=TO_PARENT if is_child else None,
        file_format=file_format,  # type: ignore[arg-type]
        additional_table_hints={"description": table.description, **adapter.table_hints(table)},
    )


def _column_hints(table: Table, column: Column, adapter: Adapter) -> TColumnSchema:
    hints: TColumnSchema = {
        "name": column.name,
        "data_type": column.data_type,
        "nullable": not column.key,
        "description": column.description,
    }
    if column.key:
        hints["merge_key" if table is MESSAGES else "primary_key"] = True
    if column.name == DELETED:
        hints["hard_delete"] = True
    hints.update(adapter.column_hints(table, column))  # type: ignore[typeddict-item]
    return hints
