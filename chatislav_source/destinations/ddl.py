"""What dlt leaves out when it makes tables: comments that describe them, and indexes to merge by.

dlt calls this after every load; there is something to do only when a load has made or changed
tables. Nothing here may fail a load: what cannot be done is a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline import trace

from chatislav_source.destinations.dlt_internals import kind_of_destination
from chatislav_source.records.schema import MESSAGES, TABLES, Table

logger = logging.getLogger(__name__)

Client = SqlClientBase[Any]


class LoadHook:
    """One of dlt's tracking modules: they are told of every step of every pipeline."""

    def on_start_trace(self, *_: Any) -> None:
        """Nothing to do."""

    def on_start_trace_step(self, *_: Any) -> None:
        """Nothing to do."""

    def on_end_trace(self, *_: Any) -> None:
        """Nothing to do."""

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Describe and index the tables that this load has made or changed."""
        del trace, send_state
        if step.step == "load" and isinstance(step_info, LoadInfo):
            changed = changed_tables(pipeline, step_info)
            if changed:
                complete_catalog(pipeline, changed)


def changed_tables(pipeline: dlt.Pipeline, info: LoadInfo) -> list[Table]:
    """Those of our tables that the load has made or given new columns.

    A table of the same name from another source is told by its description.
    """
    described = {
        (name, pipeline.schemas[package.schema_name].tables[name].get("description"))
        for package in info.load_packages
        for name in package.schema_update
    }
    return [table for table in TABLES if (table.name, table.meaning) in described]


def complete_catalog(pipeline: dlt.Pipeline, tables: list[Table]) -> None:
    """Describe and index `tables`; each kind by itself, so that one can fail without the other."""
    kind = kind_of_destination(pipeline)
    for what, statements_of in STATEMENTS.get(kind, {}).items():
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


def table_comment(client: Client, table: Table) -> list[str]:
    """What one row of the table is."""
    name = client.make_qualified_table_name(table.name)
    return [f"COMMENT ON TABLE {name} IS {_literal(table.meaning)}"]


def comments(client: Client, table: Table) -> list[str]:
    """What one row is and what each column means; columns that dlt adds have none."""
    name = client.make_qualified_table_name(table.name)
    columns = [
        f"COMMENT ON COLUMN {name}.{client.escape_column_name(column.name)}"
        f" IS {_literal(column.meaning)}"
        for column in table.columns
    ]
    return [*table_comment(client, table), *columns]


def indexes(client: Client, table: Table) -> list[str]:
    """An index on the columns by which rows are merged: unique, but of messages.

    Two pipelines that load the same bot at once would else store a conversation twice; so one of
    them fails, and is right when it is tried again.
    """
    unique = "" if table is MESSAGES else "UNIQUE "
    name = client.escape_column_name(f"{table.name}__by_key")
    columns = ", ".join(client.escape_column_name(key) for key in table.keys)
    target = client.make_qualified_table_name(table.name)
    return [f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {target} ({columns})"]


STATEMENTS: dict[str, dict[str, Callable[[Client, Table], list[str]]]] = {
    "duckdb": {"comments": comments},
    "postgres": {"comments": comments, "indexes": indexes},
    "snowflake": {"comments": table_comment},  # those of columns come from dlt
}
"""By dlt's name of the kind of destination; BigQuery gets its descriptions from dlt."""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def watch_loads() -> None:
    """Have dlt tell of its loads from now on; however often this is called, once."""
    if _AFTER_LOAD not in trace.TRACKING_MODULES:
        trace.TRACKING_MODULES.append(_AFTER_LOAD)


_AFTER_LOAD = LoadHook()
