"""Which files a load may append to a DuckDB table instead of merging them, which takes longer.

Only files of which the table holds no key yet; that is asked of the table itself, and from then on
this process holds the database, so that no other can write until the load has ended. An append that
is repeated would store its rows twice. So a load that appends is noted in the pipeline's folder,
and if it is interrupted it is not repeated but read again, and merged, as its keys are there then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from chatislav_source.destinations.dlt_internals import kind_of_destination
from chatislav_source.destinations.duckdb_memory import LIGHT_BYTES, fit_duckdb
from chatislav_source.records.schema import Table

APPEND_FROM_ROWS = 5_000  # rows of a table in one load; fewer are merged as quickly

NOTE = "chatislav_appends"
HEAVIEST = "heaviest_rows_bytes"


class Appending:
    """Decides for one load of a pipeline; to be closed when the load has ended."""

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self._pipeline = pipeline
        self._client: SqlClientBase[Any] | None = None
        self._merges = False
        self._heaviest = 0
        fit_duckdb(pipeline, merges=True)  # so that the tables can be asked

    def _hold(self) -> None:
        """Open a DuckDB file and keep it open: dlt closes it after each job, which takes time."""
        if self._client is None and kind_of_destination(self._pipeline) == "duckdb":
            client = self._pipeline.sql_client()
            client.open_connection()
            self._client = client

    def appends(self, table: Table, parquet: Path, count: int, heaviest: int) -> bool:
        """Whether the `count` rows of a file are appended; if so that is noted.

        `heaviest` are the bytes of its `HeaviestRows`, for which DuckDB is given memory; and for
        those of all loads before, as it may write the last rows of a table anew. Few rows are
        merged just as quickly, without a change of what dlt's schema says of the table.
        """
        self._hold()
        appends = False
        if self._client is not None and count >= APPEND_FROM_ROWS:
            appends = not _holds_any(self._client, table, parquet)
            self._merges |= not appends
        self._heaviest = max(self._heaviest, _heaviest_so_far(heaviest))
        fit_duckdb(self._pipeline, self._merges, self._heaviest)
        if appends:
            Path(self._pipeline.working_dir, NOTE).touch()
        return appends

    def close(self) -> None:
        """Let go of the database."""
        if self._client is not None:
            self._client.close_connection()
            self._client = None


def _heaviest_so_far(heaviest: int) -> int:
    """The most of this and all earlier loads of the resource, whose state keeps what is much."""
    state = dlt.current.resource_state()
    known: int = state.get(HEAVIEST, 0)
    if heaviest > max(known, LIGHT_BYTES):
        state[HEAVIEST] = heaviest
    return max(known, heaviest)


def _holds_any(client: SqlClientBase[Any], table: Table, parquet: Path) -> bool:
    """Whether the table has a key that is in the file."""
    name = client.make_qualified_table_name(table.name)
    keys = ", ".join(client.escape_column_name(key) for key in table.keys)
    query = f"SELECT 1 FROM {name} SEMI JOIN read_parquet(?) AS read USING ({keys}) LIMIT 1"  # noqa: S608 - no input
    try:
        return bool(client.execute_sql(query, str(parquet)))
    except DatabaseUndefinedRelation:
        return False  # the load makes it


def is_noted(pipeline: dlt.Pipeline) -> bool:
    """Whether a load that must not be repeated did not come to its end."""
    return Path(pipeline.working_dir, NOTE).exists()


def forget(pipeline: dlt.Pipeline) -> None:
    """The load has come to its end."""
    Path(pipeline.working_dir, NOTE).unlink(missing_ok=True)
