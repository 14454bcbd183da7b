"""Creates the views of the models, and replaces those of an earlier version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dlt
from dlt.destinations.exceptions import DatabaseTerminalException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from chatislav_source.errors import ConfigurationError
from chatislav_source.views.compiled import (
    Model,
    dialect_of,
    models_of,
    schema_of,
    without_tables,
)

SqlClient = SqlClientBase[Any]

REFUSED = (DatabaseTerminalException, DatabaseUndefinedRelation)
"""What dlt raises for a statement that the warehouse does not accept."""

NO_TABLES = "Dataset {dataset} has no table of Chatislav yet. `chatislav sync` makes them."
NOT_MADE = (
    "The views in {schema} could not all be made: {problem} If a table has the "
    "name of a view, or a view of yours reads ours, drop or rename it, or choose another --schema."
)


@dataclass(frozen=True)
class Views:
    """The views that were made; `skipped` has the others, with the tables they wait for."""

    schema: str
    timezone: str
    made: list[str]
    skipped: dict[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        """The views as JSON values."""
        return asdict(self)


def make_views(pipeline: dlt.Pipeline, timezone: str, schema: str | None = None) -> Views:
    """Make all models as views in `schema`; None is the pipeline's dataset and `_models`.

    Views that are there already are replaced, on DuckDB and Postgres all or none. A model whose
    tables were not loaded is left out. `timezone` is the IANA zone of days, weeks and hours.

    Raises:
        ConfigurationError: the zone or the schema has no valid name, nothing is loaded yet, the
            warehouse is none of the four, or it refuses a view.
    """
    models = models_of(dialect_of(pipeline.destination.destination_type))
    check_timezone(timezone)
    with pipeline.sql_client() as client:
        tables, missing = tables_of(client, models)
        skipped = without_tables(models, missing)
        made = [model for model in models if model.name not in skipped]
        schema = schema_of(client.dataset_name, schema)
        relations = {table: client.make_qualified_table_name(table) for table in tables}
        with _in_schema(client, schema):
            relations |= {m.name: client.make_qualified_table_name(m.name) for m in models}
            _replace(client, schema, _statements(made, relations, timezone))
    waiting = {name: sorted(needed) for name, needed in skipped.items()}
    return Views(schema, timezone, [model.name for model in made], waiting)


def check_timezone(timezone: str) -> None:
    """Check that it is an IANA zone, as it becomes part of the SQL.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"timezone {timezone!r} is not an IANA zone such as Europe/Belgrade or UTC."
        raise ConfigurationError(text) from None


def tables_of(client: SqlClient, models: Sequence[Model]) -> tuple[set[str], set[str]]:
    """The tables that all of these models read, and those of them that the dataset does not have.

    Raises:
        ConfigurationError: it has none of them.
    """
    tables = {name for model in models for name in model.reads} - {m.name for m in models}
    missing = {table for table in tables if not _exists(client, table)}
    if missing == tables:
        raise ConfigurationError(NO_TABLES.format(dataset=client.dataset_name))
    return tables, missing


def _exists(client: SqlClient, table: str) -> bool:
    name = client.make_qualified_table_name(table)
    try:
        client.execute_sql(f"SELECT 1 FROM {name} WHERE 1 = 0")  # noqa: S608 - no input
    except DatabaseUndefinedRelation:
        return False
    return True


@contextmanager
def _in_schema(client: SqlClient, schema: str) -> Iterator[None]:
    """Let the client's names be of `schema`, which is created if it does not exist."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
        raise ConfigurationError(
            f"--schema {schema!r} is no plain name of letters, digits and underscores."
        )
    with client.with_alternative_dataset_name(schema):
        if not client.has_dataset():
            client.create_dataset()
        yield


def _statements(models: list[Model], relations: dict[str, str], timezone: str) -> dict[str, str]:
    """The statement for each view, by the view's full name, in order."""
    return {
        relations[model.name]: f"CREATE OR REPLACE VIEW {relations[model.name]} AS\n"
        + model.query(relations, timezone)
        for model in models
    }


def _replace(client: SqlClient, schema: str, statements: dict[str, str]) -> None:
    """Run the statements; where columns changed, Postgres wants the old views dropped first."""
    drops = [f"DROP VIEW IF EXISTS {name}" for name in reversed(statements)]
    try:
        _run(client, list(statements.values()))
    except REFUSED:
        try:
            if not _is_atomic(client):
                raise
            _run(client, [*drops, *statements.values()])
        except REFUSED as error:
            problem = str(error).strip().partition("\n")[0].rstrip(".") + "."
            raise ConfigurationError(NOT_MADE.format(schema=schema, problem=problem)) from None


def _run(client: SqlClient, statements: list[str]) -> None:
    with client.begin_transaction() if _is_atomic(client) else nullcontext():
        for statement in statements:
            client.execute_sql(statement)


def _is_atomic(client: SqlClient) -> bool:
    """Whether views are replaced all or none; Snowflake commits each of them by itself."""
    atomic = client.capabilities.supports_ddl_transactions
    return bool(atomic) and client.capabilities.sqlglot_dialect != "snowflake"
