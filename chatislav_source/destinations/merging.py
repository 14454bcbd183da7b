"""How a destination merges rows, and what its tables hold where it does not replace all of them.

Destinations differ in the merge strategies that dlt supports for them, so one is chosen by
capabilities. Where there is none, such as for plain files, rows are appended: the newest row of a
complete load counts, and the messages of the same load. Where rows can only be replaced by key,
such as in Delta and Iceberg tables, a conversation's former messages stay behind its new ones:
those below `message_count` count.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import dlt
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.pipeline import SupportsPipeline

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table

Strategy = Literal["upsert", "delete-insert"]

BY_KEY: tuple[Strategy, ...] = ("upsert", "delete-insert")
BY_SET: tuple[Strategy, ...] = ("delete-insert", "upsert")
"""In order of preference: messages are replaced together, as a conversation may have fewer now."""

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


def strategy_for(
    pipeline: SupportsPipeline | None, table: Table, table_format: Any = None
) -> Strategy | None:
    """The strategy to merge a table with; None if its rows can only be appended.

    `table_format` is that of the table, such as delta; None: the destination's own.
    """
    supported = _supported(pipeline, table_format)
    preferred = BY_SET if table is MESSAGES else BY_KEY
    return next((each for each in preferred if each in supported), None)


def configured_format(pipeline: SupportsPipeline | None) -> Any:
    """The table format in the destination's section of dlt's config, such as delta; else None."""
    if pipeline is None:
        return None
    return dlt.config.get(f"destination.{pipeline.destination.destination_name}.table_format")


def _supported(pipeline: SupportsPipeline | None, table_format: Any) -> list[str]:
    if pipeline is None:
        return list(BY_KEY)
    capabilities = _capabilities(pipeline.destination)
    strategies = capabilities.supported_merge_strategies or []
    select = capabilities.merge_strategies_selector
    schema: Any = {"table_format": table_format}
    return list(select(strategies, table_schema=schema) if select else strategies)


@lru_cache(maxsize=4)  # dlt resolves the destination's configuration for them
def _capabilities(destination: Destination[Any, Any]) -> DestinationCapabilitiesContext:
    return destination.capabilities()


def can_delete(pipeline: SupportsPipeline) -> bool:
    """Whether rows of the destination can be deleted by SQL."""
    return strategy_for(pipeline, MESSAGES) == "delete-insert"


def rows_in_force(pipeline: dlt.Pipeline, client: SqlClient, table: Table) -> str:
    """The SQL to put after FROM, for those rows of a table that are not replaced by newer ones."""
    loads = client.make_qualified_table_name("_dlt_loads")
    names = {
        "table": client.make_qualified_table_name(table.name),
        "conversations": client.make_qualified_table_name(CONVERSATIONS.name),
        "is_complete": COMPLETE.format(loads=loads),
        "keys": ", ".join(table.keys),
    }
    strategy = strategy_for(pipeline, table, _stored_format(pipeline, table))
    if strategy is None:
        return (NEWEST_MESSAGES if table is MESSAGES else NEWEST_ROWS).format(**names)
    if table is MESSAGES and strategy == "upsert":
        return COUNTED_MESSAGES.format(**names)
    return names["table"]


def _stored_format(pipeline: dlt.Pipeline, table: Table) -> Any:
    """The format of the table, as dlt noted it with the first load."""
    if not pipeline.default_schema_name:
        return None
    return pipeline.default_schema.tables.get(table.name, {}).get("table_format")


OWN_TABLES = {
    "conversations": CONVERSATIONS,
    "messages": MESSAGES,
    "analytics": ANALYTICS,
}


def names_in_queries(pipeline: dlt.Pipeline, client: SqlClient) -> dict[str, str]:
    """By the name in a query's text, the SQL for the rows of each table, and dlt's loads."""
    names = {name: rows_in_force(pipeline, client, table) for name, table in OWN_TABLES.items()}
    return names | {"loads": client.make_qualified_table_name("_dlt_loads")}
