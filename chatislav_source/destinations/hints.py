"""What dlt is told of each table: columns, keys, how it is merged, how BigQuery stores it."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema, TTableReferenceInline, TWriteDispositionConfig
from dlt.destinations.impl.bigquery.bigquery_adapter import (
    CLUSTER_COLUMNS_HINT,
    PARTITION_HINT,
    TABLE_DESCRIPTION_HINT,
)

from chatislav_source.records.schema import (
    ANALYTICS,
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
# By the day people ask for. A merge finds its rows by key in whatever partition, so of the
# partitions it only matters that few are rewritten: those of the days that changed.
PARTITIONED_BY = {
    CONVERSATIONS.name: "created_at",
    MESSAGES.name: "created_at",
    ANALYTICS.name: "date",
}
CLUSTERED_BY = {
    CONVERSATIONS.name: ["bot_id", "session_id"],
    MESSAGES.name: ["bot_id", "session_id"],
    ANALYTICS.name: ["bot_id", "channel"],
}


def hints_of(table: Table, file_format: str | None = None, appends: bool = False) -> Any:
    """The name, columns, keys and merge of a table, as dlt takes them from a resource.

    Only BigQuery looks at what begins with `x-bigquery`; `file_format` None leaves it to dlt.
    """
    is_child = table is MESSAGES
    return dlt.mark.make_hints(
        table_name=table.name,
        columns={column.name: _column_hints(table, column) for column in table.columns},
        write_disposition="append" if appends else REPLACE_SET if is_child else UPSERT,
        references=TO_PARENT if is_child else None,
        file_format=file_format,  # type: ignore[arg-type]
        additional_table_hints={
            "description": table.meaning,
            TABLE_DESCRIPTION_HINT: table.meaning,
            CLUSTER_COLUMNS_HINT: CLUSTERED_BY[table.name],
        },
    )


def _column_hints(table: Table, column: Column) -> TColumnSchema:
    hints: TColumnSchema = {
        "name": column.name,
        "data_type": column.kind,
        "nullable": not column.key,
        "description": column.meaning,
    }
    if column.key:
        hints["merge_key" if table is MESSAGES else "primary_key"] = True
    if column.name == DELETED:
        hints["hard_delete"] = True
    if column.name == PARTITIONED_BY[table.name]:
        hints[PARTITION_HINT] = True  # type: ignore[typeddict-unknown-key]
    return hints
