"""BigQuery: loads JSON lines into partitioned and clustered tables."""

from __future__ import annotations

from typing import Any

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.destinations.dlt_internals import (
    CLUSTER_COLUMNS_HINT,
    PARTITION_HINT,
    TABLE_DESCRIPTION_HINT,
)
from chatislav_source.destinations.pipe.jsonl import JSON_LINES
from chatislav_source.records.history.table import ANALYTICS_HISTORY, CONVERSATIONS_HISTORY
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Column, Table

# Analysts filter by this day. A merge finds rows by key in any partition, and rewrites only the
# partitions of the days that changed.
PARTITIONED_BY = {
    CONVERSATIONS.name: "created_at",
    MESSAGES.name: "created_at",
    ANALYTICS.name: "date",
    ANALYTICS_PERIODS.name: "start_date",
    CONVERSATIONS_HISTORY.name: "valid_from",
    ANALYTICS_HISTORY.name: "date",
}
CLUSTERED_BY = {
    CONVERSATIONS.name: ["bot_id", "session_id"],
    MESSAGES.name: ["bot_id", "session_id"],
    ANALYTICS.name: ["bot_id", "channel"],
    ANALYTICS_PERIODS.name: ["bot_id", "period", "channel"],
    CONVERSATIONS_HISTORY.name: ["bot_id", "session_id"],
    ANALYTICS_HISTORY.name: ["bot_id", "channel"],
    REJECTED.name: ["bot_id", "rejected_id"],
}


def table_hints(table: Table) -> dict[str, Any]:
    """Description and clustering of a table; dlt writes the descriptions of columns."""
    return {
        TABLE_DESCRIPTION_HINT: table.description,
        CLUSTER_COLUMNS_HINT: CLUSTERED_BY[table.name],
    }


def column_hints(table: Table, column: Column) -> dict[str, Any]:
    """The partition hint, for the column that the table is partitioned by, if it is large."""
    return {PARTITION_HINT: True} if column.name == PARTITIONED_BY.get(table.name) else {}


ADAPTER = Adapter(
    file_format=JSON_LINES,
    table_hints=table_hints,
    column_hints=column_hints,
    json_text="TO_JSON_STRING({column})",
)
