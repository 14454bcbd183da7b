"""Indexes and comments, which dlt does not create.

dlt calls `LoadHook` at every step of every pipeline; it acts only on those that load this source.
Before a load, the tables it needs are created together with their unique keys, so that no row is
there yet. After a load that created or changed a table, its comments are created. A failure does
not fail the load: it is logged as a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.common.schema.typing import TSchemaTables
from dlt.destinations.exceptions import DatabaseException

from chatislav_source.destinations.adapter import SqlClient, adapter_of
from chatislav_source.destinations.concurrency import bot_locks
from chatislav_source.destinations.defaults import SCHEMA, is_ours
from chatislav_source.destinations.dlt_internals import (
    LoadPackageInfo,
    TrackingModule,
    add_tracking_module,
    create_table,
)
from chatislav_source.destinations.merging.hints import adapted_hints
from chatislav_source.records.rejected.table import ALL_TABLES
from chatislav_source.records.schema import Table

logger = logging.getLogger(__name__)

TYPE_HINTS = ("data_type", "precision", "scale", "timezone")  # of a column in dlt's schema
NO_INDEX = (
    "The index %s of %s could not be created (%s). The rows are loaded, but the database does not "
    "prevent that one is stored twice, and merges are slow. If rows are stored twice already, the "
    "next sync reads them anew; otherwise give the user the right to create indexes. It is tried "
    "again by every sync."
)


class LoadHook(TrackingModule):
    """A tracking module, which dlt calls at every step of every pipeline."""

    def __init__(self) -> None:
        self._created: dict[str, TSchemaTables] = {}  # by load id, the tables created before it

    def on_start_trace(self, trace: Any, step: str, pipeline: Any) -> None:
        """Let the resources lock their bots, if the steps that follow load their rows.

        In its first run no resource has claimed the pipeline yet, so it is noted for each.
        """
        del trace
        if step == "run":
            bot_locks.begin_run(pipeline)

    def on_start_trace_step(self, trace: Any, step: str, pipeline: Any) -> None:
        """Create the tables that a load needs, and their indexes."""
        del trace
        if step == "load" and is_ours(pipeline) and adapter_of(pipeline).indexes:
            for load_id in pipeline.list_normalized_load_packages():
                package = pipeline.get_load_package_info(load_id)
                self._created[load_id] = create_tables(pipeline, package)

    def on_end_trace(self, trace: Any, pipeline: Any, send_state: bool) -> None:
        """Release the locks after a plain run."""
        del trace, send_state
        bot_locks.end_run(pipeline)

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Create the comments of changed tables."""
        del trace, send_state
        if step.step == "load" and isinstance(step_info, LoadInfo) and is_ours(pipeline):
            for package in step_info.load_packages:
                # dlt did not see the tables that were created before the load
                package.schema_update.update(self._created.pop(package.load_id, {}))
            changed = changed_tables(pipeline, step_info)
            if changed:
                complete_tables(pipeline, changed)


def create_tables(pipeline: dlt.Pipeline, package: LoadPackageInfo) -> TSchemaTables:
    """Create what is missing of the tables of a load package, and of the indexes of ours.

    Returns the created tables and columns, as dlt does. Other sources' packages are left to dlt.
    """
    names = {job.job_file_info.table_name for jobs in package.jobs.values() for job in jobs}
    tables = own_tables(pipeline, package.schema_name, names)
    if not tables:
        return {}
    with pipeline.destination_client(package.schema_name) as client:
        created = _updated_schema(client, names)
        for table in tables:
            create_indexes(pipeline, client.sql_client, table)  # type: ignore[attr-defined]
    return created


def _updated_schema(client: Any, names: set[str]) -> TSchemaTables:
    """Create tables and columns; once more if another pipeline just created one of them."""
    only_tables = names | set(client.schema.dlt_table_names())
    try:
        client.initialize_storage()
        created = client.update_stored_schema(only_tables=only_tables)
    except DatabaseException:
        client.initialize_storage()
        created = client.update_stored_schema(only_tables=only_tables)
    return cast(TSchemaTables, created or {})


def create_like(pipeline: dlt.Pipeline, table: Table, other: Table) -> None:
    """Create a table before the first load that has it, with its indexes and comments.

    Its columns have the types of columns of the same name of the `other` table in the destination,
    for which a user may have given hints.

    Raises:
        DatabaseException: the destination refused it.
    """
    adapter = adapter_of(pipeline)
    types: Any = {}
    if pipeline.default_schema_name:
        types = pipeline.default_schema.tables.get(other.name, {}).get("columns", {})
    columns: Any = adapted_hints(table, adapter)
    for name in columns.keys() & types.keys():
        given = types[name]
        columns[name] |= {each: given[each] for each in TYPE_HINTS if each in given}
    schema = dlt.Schema(SCHEMA)
    made: Any = {"name": table.name, "columns": columns, "write_disposition": "append"}
    schema.update_table(made | {"description": table.description} | adapter.table_hints(table))
    try:
        create_table(pipeline, schema, table.name)
    except DatabaseException:  # another pipeline may just have created it
        create_table(pipeline, schema, table.name)
    with pipeline.sql_client() as client:
        create_indexes(pipeline, client, table)
    complete_tables(pipeline, [table])


def create_missing_indexes(pipeline: dlt.Pipeline) -> None:
    """Create the indexes that our tables lack, as far as there are tables.

    A sync without new rows loads nothing, but may have repaired what prevented an index.
    """
    tables = [
        table
        for name in pipeline.schema_names
        for table in own_tables(pipeline, name, (table.name for table in ALL_TABLES))
    ]
    if not tables or not adapter_of(pipeline).indexes:
        return
    try:
        with pipeline.sql_client() as client:
            for table in tables:
                create_indexes(pipeline, client, table)
    except Exception as error:  # all rows are loaded
        logger.warning("The indexes could not be checked (%s)", type(error).__name__)


def create_indexes(pipeline: dlt.Pipeline, client: SqlClient, table: Table) -> None:
    """Create the indexes that the table lacks."""
    missing = adapter_of(pipeline).indexes
    if not missing:
        return
    for index, statement in missing(client, table).items():
        try:
            client.execute_sql(statement)
        except DatabaseException as error:
            if index in missing(client, table):  # else another pipeline has just created it
                cause = type(error.dbapi_exception).__name__
                logger.warning(NO_INDEX, index, table.name, cause)


def changed_tables(pipeline: dlt.Pipeline, info: LoadInfo) -> list[Table]:
    """The tables of this source that the load created or extended by columns."""
    return [
        table
        for package in info.load_packages
        for table in own_tables(pipeline, package.schema_name, package.schema_update)
    ]


def own_tables(pipeline: dlt.Pipeline, schema_name: str, names: Iterable[str]) -> list[Table]:
    """Those of the tables with these names that belong to this source.

    The description distinguishes them from tables of the same name from another source.
    """
    stored = pipeline.schemas[schema_name].tables
    described = {(name, stored[name].get("description")) for name in names if name in stored}
    return [table for table in ALL_TABLES if (table.name, table.description) in described]


def complete_tables(pipeline: dlt.Pipeline, tables: list[Table]) -> None:
    """Create the comments of `tables`, as far as the destination has them."""
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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def install_load_hook() -> None:
    """Register the hook with dlt; a repeated call has no effect."""
    add_tracking_module(_LOAD_HOOK)


_LOAD_HOOK = LoadHook()
