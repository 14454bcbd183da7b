"""Comments and indexes, which dlt does not create.

dlt calls `LoadHook` after every load; it acts only on loads of this source that created or changed
tables. A failure does not fail the load: it is logged as a warning.
"""

from __future__ import annotations

import logging
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo

from chatislav_source.destinations.adapter import SqlClient, adapter_of
from chatislav_source.destinations.defaults import is_ours
from chatislav_source.destinations.dlt_internals import add_tracking_module
from chatislav_source.records.schema import MESSAGES, TABLES, Table

logger = logging.getLogger(__name__)


class LoadHook:
    """A tracking module, which dlt calls at every step of every pipeline."""

    def on_start_trace(self, *_: Any) -> None:
        """Do nothing; dlt requires this method."""

    def on_start_trace_step(self, *_: Any) -> None:
        """Do nothing; dlt requires this method."""

    def on_end_trace(self, *_: Any) -> None:
        """Do nothing; dlt requires this method."""

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Complete the tables that this load created or changed."""
        del trace, send_state
        if step.step == "load" and isinstance(step_info, LoadInfo) and is_ours(pipeline):
            changed = changed_tables(pipeline, step_info)
            if changed:
                complete_tables(pipeline, changed)


def changed_tables(pipeline: dlt.Pipeline, info: LoadInfo) -> list[Table]:
    """The tables of this source that the load created or extended by columns.

    The description distinguishes them from tables of the same name from another source.
    """
    described = {
        (name, pipeline.schemas[package.schema_name].tables[name].get("description"))
        for package in info.load_packages
        for name in package.schema_update
    }
    return [table for table in TABLES if (table.name, table.description) in described]


def complete_tables(pipeline: dlt.Pipeline, tables: list[Table]) -> None:
    """Create the comments and indexes of `tables` that the destination supports.

    If the comments fail, the indexes are still created.
    """
    for kind, statements_of in adapter_of(pipeline).catalog.items():
        try:
            with pipeline.sql_client() as client:
                for table in tables:
                    with (
                        client.begin_transaction()
                    ):  # a commit per statement would take four times as long
                        for statement in statements_of(client, table):
                            client.execute_sql(statement)
        except Exception as error:
            names = ", ".join(table.name for table in tables)
            logger.warning(
                "The %s of %s could not be created (%s). The rows are loaded.",
                kind,
                names,
                type(error).__name__,
            )


def table_comment(client: SqlClient, table: Table) -> list[str]:
    """The statement for the comment on the table."""
    name = client.make_qualified_table_name(table.name)
    return [f"COMMENT ON TABLE {name} IS {_literal(table.description)}"]


def comments(client: SqlClient, table: Table) -> list[str]:
    """The statements for the comments on the table and on its own columns."""
    name = client.make_qualified_table_name(table.name)
    columns = [
        f"COMMENT ON COLUMN {name}.{client.escape_column_name(column.name)}"
        f" IS {_literal(column.description)}"
        for column in table.columns
    ]
    return [*table_comment(client, table), *columns]


def indexes(client: SqlClient, table: Table) -> list[str]:
    """The statement for an index on the keys; it is unique, except for messages.

    Without it, two pipelines that load the same bot at once could store a conversation twice. With
    it, one of the two loads fails, and succeeds when it is repeated.
    """
    unique = "" if table is MESSAGES else "UNIQUE "
    name = client.escape_column_name(f"{table.name}__by_key")
    columns = ", ".join(client.escape_column_name(key) for key in table.keys)
    table_name = client.make_qualified_table_name(table.name)
    return [f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {table_name} ({columns})"]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def install_load_hook() -> None:
    """Register the hook with dlt; a repeated call has no effect."""
    add_tracking_module(_LOAD_HOOK)


_LOAD_HOOK = LoadHook()
