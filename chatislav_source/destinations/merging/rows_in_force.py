"""Which stored rows count, where a destination does not replace all of them.

Where rows are appended, the newest row of a complete load counts, and the messages of the same
load. Where rows can only be replaced by key, such as in Delta and Iceberg tables, a conversation's
former messages stay behind its new ones: those below `message_count` count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.merging.strategies import strategy_for
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table

ROWS_AT_A_TIME = 10_000  # as tuples of Python, whose memory would stay with the process

COMPLETE = "_dlt_load_id IN (SELECT load_id FROM {loads} WHERE status = 0)"
NEWEST_ROWS = """(
SELECT * FROM (
  SELECT t.*, ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY _dlt_load_id DESC) AS _place
  FROM {table} t WHERE {is_complete}
) placed WHERE _place = 1
)"""
NEWEST_MESSAGES = """(
SELECT m.* FROM {table} m JOIN (
  SELECT bot_id, session_id, MAX(_dlt_load_id) AS last_load FROM {conversations}
  WHERE message_count IS NOT NULL AND {is_complete} GROUP BY bot_id, session_id
) known ON m.bot_id = known.bot_id AND m.session_id = known.session_id
  AND m._dlt_load_id = known.last_load
)"""
COUNTED_MESSAGES = """(
SELECT m.* FROM {table} m
JOIN {conversations} c ON m.bot_id = c.bot_id AND m.session_id = c.session_id
WHERE c.message_count IS NULL OR m.message_index < c.message_count
)"""


def rows_in_force(pipeline: dlt.Pipeline, client: SqlClient, table: Table) -> str:
    """The SQL to put after FROM, for those rows of a table that are not replaced by newer ones."""
    return _in_force(pipeline, client, table, _stored_tables(pipeline))


def _in_force(pipeline: dlt.Pipeline, client: SqlClient, table: Table, stored: Any) -> str:
    loads = client.make_qualified_table_name("_dlt_loads")
    names = {
        "table": client.make_qualified_table_name(table.name),
        "conversations": client.make_qualified_table_name(CONVERSATIONS.name),
        "is_complete": COMPLETE.format(loads=loads),
        "keys": ", ".join(table.keys),
    }
    # the format of the table, as dlt noted it with the first load
    strategy = strategy_for(pipeline, table, stored.get(table.name, {}).get("table_format"))
    if strategy is None:
        return (NEWEST_MESSAGES if table is MESSAGES else NEWEST_ROWS).format(**names)
    if table is MESSAGES and strategy == "upsert":
        return COUNTED_MESSAGES.format(**names)
    return names["table"]


def _stored_tables(pipeline: dlt.Pipeline) -> Any:
    """The tables of the schema that dlt has stored; dlt reads it anew each time."""
    return pipeline.default_schema.tables if pipeline.default_schema_name else {}


OWN_TABLES = {
    "conversations": CONVERSATIONS,
    "messages": MESSAGES,
    "analytics": ANALYTICS,
    "periods": ANALYTICS_PERIODS,
    "rejected": REJECTED,
}


def names_in_queries(pipeline: dlt.Pipeline, client: SqlClient) -> dict[str, str]:
    """By the name in a query's text, the SQL for the rows of each table, and dlt's loads.

    `forgotten` is no table of the source's schema, but is found by its name.
    """
    stored = _stored_tables(pipeline)
    names = {name: _in_force(pipeline, client, table, stored) for name, table in OWN_TABLES.items()}
    own = {"loads": "_dlt_loads", "forgotten": "forgotten"}
    return names | {name: client.make_qualified_table_name(table) for name, table in own.items()}


@dataclass(frozen=True)
class Connection:
    """An open connection, and the names of the tables in queries, which dlt's schema tells."""

    client: Any
    names: Mapping[str, str]

    @classmethod
    def of(cls, pipeline: dlt.Pipeline, client: Any) -> Connection:
        """The connection of a client that is open."""
        return cls(client, names_in_queries(pipeline, client))

    def rows(
        self, query: str, values: Sequence[Any], parts: Mapping[str, str]
    ) -> Iterator[Sequence[Any]]:
        """The rows of a query, with `parts` and names put into its text; some at a time."""
        text = query.format(**parts, **self.names)
        with self.client.execute_query(text, *accepted(self.client, values)) as cursor:
            while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                yield rows


def accepted(client: Any, values: Sequence[Any]) -> Sequence[Any]:
    """The values of a query, instants without their zone where the destination has no zones."""
    if client.capabilities.supports_tz_aware_datetime:
        return values
    return [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in values]
