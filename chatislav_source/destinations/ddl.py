"""Comments and indexes, which dlt leaves out when it makes tables.

dlt calls `LoadHook` after every load; it acts only when the load has made or changed tables. A
failure here never fails the load: it is logged as a warning.
"""

from __future__ import annotations

import logging
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo

from chatislav_source.destinations.adapter import SqlClient, adapter_of
from chatislav_source.destinations.dlt_internals import add_tracking_module
from chatislav_source.records.schema import MESSAGES, TABLES, Table

logger = logging.getLogger(__name__)


class LoadHook:
    """A tracking module of dlt, which calls it at every step of every pipeline."""

    def on_start_trace(self, *_: Any) -> None:
        """Nothing to do."""

    def on_start_trace_step(self, *_: Any) -> None:
        """Nothing to do."""

    def on_end_trace(self, *_: Any) -> None:
        """Nothing to do."""

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Complete the tables that this load has made or changed."""
        del trace, send_state
        if step.step == "load" and isinstance(step_info, LoadInfo):
            changed = changed_tables(pipeline, step_info)
            if changed:
                complete_tables(pipeline, changed)


def changed_tables(pipeline: dlt.Pipeline, info: LoadInfo) -> list[Table]:
    """The tables of this source that the load has made or given new columns.

    A table of the same name from another source has another description.
    """
    described = {
        (name, pipeline.schemas[package.schema_name].tables[name].get("description"))
        for package in info.load_packages
        for name in package.schema_update
    }
    return [table for table in TABLES if (table.name, table.description) in described]


def complete_tables(pipeline: dlt.Pipeline, tables: list[Table]) -> None:
    """Make the comments and the indexes of `tables`, as far as the warehouse has any.

    Both are tried: one can fail without the other.
    """
    for what, statements_of in adapter_of(pipeline).catalog.items():
        try:
            with pipeline.sql_client() as client:
                for table in tables:
                    with client.begin_transaction():  # a commit each would take four times as long
                        for statement in statements_of(client, table):
                            client.execute_sql(statement)
        except Exception as error:
            names = ", ".join(table.name for table in tables)
            logger.warning(
                "The %s of %s could not be made (%s). The rows are loaded all the same.",
                what,
                names,
                type(error).__name__,
            )


def table_comment(client: SqlClient, table: Table) -> list[str]:
    """A comment that says what one row is."""
    name = client.make_qualified_table_name(table.name)
    return [f"COMMENT ON TABLE {name} IS {_literal(table.description)}"]


def comments(client: SqlClient, table: Table) -> list[str]:
    """Comments on the table and on its columns, except those that dlt adds."""
    name = client.make_qualified_table_name(table.name)
    columns = [
        f"COMMENT ON COLUMN {name}.{client.escape_column_name(column.name)}"
        f" IS {_literal(column.description)}"
        for column in table.columns
    ]
    return [*table_comment(client, table), *columns]


def indexes(client: SqlClient, table: Table) -> list[str]:
    """An index on the columns by which rows are merged; it is unique, except for messages.

    Two pipelines that load the same bot at once could otherwise store a conversation twice. With
    the index one of the two loads fails, and succeeds when it is tried again.
    """
    unique = "" if table is MESSAGES else "UNIQUE "
    name = client.escape_column_name(f"{table.name}__by_key")
    columns = ", ".join(client.escape_column_name(key) for key in table.keys)
    target = client.make_qualified_table_name(table.name)
    return [f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {target} ({columns})"]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def install_load_hook() -> None:
    """Have dlt call the hook after its loads from now on; once, however often this is called."""
    add_tracking_module(_LOAD_HOOK)


_LOAD_HOOK = LoadHook()
