"""Records new versions of rows: before a run overwrites any, and after each load.

A version is recorded from the table whose versions are kept, so one that a kill left unrecorded is
found there by the next run, before it writes. Privacy settings hold, as only stored values are
copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError

from chatislav_source.destinations.adapter import SqlClient, adapter_of
from chatislav_source.destinations.ddl import create_like
from chatislav_source.destinations.merging.strategies import require_dialect
from chatislav_source.records.history.table import HISTORIES, History
from chatislav_source.records.schema import Table
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.erasure.search import exists
from chatislav_source.runner.history.statements import Statements, parameters, shared_columns
from chatislav_source.runner.queries.memory import with_memory
from chatislav_source.runner.redaction import asking, failed_query

NO_DIALECT = (
    "`history` cannot be kept in the destination {name}: it is kept in DuckDB, Postgres, Snowflake "
    "and BigQuery, and in databases with the SQL of one of them. Set history to false."
)


def require_history(pipeline: dlt.Pipeline) -> None:
    """Check that the destination can keep versions; asks it nothing.

    Raises:
        ConfigurationError: it cannot.
    """
    require_dialect(pipeline, NO_DIALECT)


def catch_up(pipeline: dlt.Pipeline, stream: str, bot_ids: Sequence[int]) -> None:
    """Record all versions that are not recorded yet, before a run writes rows of a stream.

    So a history that is turned on later begins with the rows that are there.

    Raises:
        LoadFailedError: the destination refused it.
    """
    history = HISTORIES[stream]
    if _is_recorded(pipeline, history, bot_ids) or not _exists(pipeline, history.of):
        return  # the first load makes both tables
    try:
        create_like(pipeline, history.table, history.of)
    except (DatabaseException, DestinationConnectionError) as error:
        raise failed_query(error) from None
    _is_recorded(pipeline, history, bot_ids)


def follow(
    pipeline: dlt.Pipeline,
    streams: Iterable[str],
    bot_ids: Sequence[int],
    load_ids: Sequence[str],
) -> None:
    """Record the new versions that these loads have written.

    Raises:
        LoadFailedError: the destination refused it; the next run records them.
    """
    for stream in streams if load_ids else ():
        _is_recorded(pipeline, HISTORIES[stream], bot_ids, load_ids)


def _is_recorded(
    pipeline: dlt.Pipeline,
    history: History,
    bot_ids: Sequence[int],
    load_ids: Sequence[str] | None = None,
) -> bool:
    """Record new versions, in one query if there are none; False if a table does not exist."""

    def attempt() -> bool:
        with pipeline.sql_client() as client:
            statements = _statements(pipeline, client, history)
            values = parameters(bot_ids, load_ids)
            counted = client.execute_sql(statements.count(bot_ids, load_ids), *values)
            [[count]] = counted or [[0]]
            if count:
                client.execute_sql(statements.record(bot_ids, load_ids), *values)
        return True

    try:
        return with_memory(pipeline, attempt)
    except NO_TABLE:
        return False


def _exists(pipeline: dlt.Pipeline, table: Table) -> bool:
    with asking(pipeline) as client:
        return exists(client, client.dataset_name, table.name)


def _statements(pipeline: dlt.Pipeline, client: SqlClient, history: History) -> Statements:
    stored: Any = pipeline.default_schema.tables if pipeline.default_schema_name else {}
    columns = {name: table["columns"] for name, table in stored.items()}
    return Statements(
        history,
        client.make_qualified_table_name(history.of.name),
        client.make_qualified_table_name(history.table.name),
        shared_columns(history, columns),
        adapter_of(pipeline).json_text,
    )
