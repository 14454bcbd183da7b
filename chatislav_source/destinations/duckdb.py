"""DuckDB: the choice between append and merge, and the memory limit of the command line.

A merge takes longer than an append. Rows are appended if their table has none of their keys yet. A
query of the table checks this; from then on this process keeps the database open, so that no other
process can write until the load has ended. A repeated append would store its rows twice, so a load
package that appends is marked in the pipeline's folder. If it is interrupted it is not repeated:
its rows are read again, and merged, as the table has their keys by then.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.destinations.ddl import comments
from chatislav_source.destinations.duckdb_file.credentials import PatientCredentials
from chatislav_source.destinations.duckdb_file.kept_open import KeptOpen
from chatislav_source.destinations.duckdb_file.limited_memory import LimitedMemory
from chatislav_source.destinations.pipe.parquet import PARQUET
from chatislav_source.records.rejected.table import ALL_TABLES
from chatislav_source.records.schema import Table

ADAPTER = Adapter(file_format=PARQUET, catalog={"comments": comments}, can_append=True, locks=None)

APPEND_FROM_ROWS = 5_000  # rows of a table in one load package; fewer are merged as fast
APPEND_MARK = "chatislav_appends"
KEYS = "chatislav_keys"  # the name of the package's keys in a query

MORE_MEMORY = 4  # factor of the limit after DuckDB has run out of memory
# By default dlt delays the checkpoint until the file is closed, and all rows are first written to
# the log. DuckDB counts 16 bytes here for any text.
CHECKPOINT_SOON = "SET GLOBAL checkpoint_threshold = '4MB'"

OUT_OF_MEMORY = re.compile(r"Out of Memory Error|B/[\d.]+ [KMGT]?i?B used\)")


class DispositionChooser:
    """Chooses for each table of a load package whether its rows are appended or merged.

    Opens `file` at the first choice; whoever gives it closes it when the package is loaded.
    """

    def __init__(self, pipeline: dlt.Pipeline, file: KeptOpen) -> None:
        self._pipeline = pipeline
        self.file = file
        self._counts: dict[str, int] = {}
        self._unchecked: dict[str, list[pa.Table]] = {}
        self._merged: set[str] = set()
        self._appended: dict[str, Table] = {}

    @property
    def noted(self) -> list[Table]:
        """The tables that rows were noted for."""
        return [table for table in ALL_TABLES if table.name in self._counts]

    def note(self, table: Table, rows: pa.Table) -> None:
        """Remember the keys of rows that the package will have."""
        self._counts[table.name] = self._counts.get(table.name, 0) + rows.num_rows
        if table.name not in self._merged:
            keys = self._unchecked.setdefault(table.name, [])
            keys.append(without_repeats(rows.select(table.keys)))

    def appends(self, table: Table) -> bool:
        """Whether the rows noted so far are appended; if so, mark the pipeline.

        Few rows are merged, so that the table's write disposition in dlt's schema does not change.
        A table that is merged once stays so in this package.
        """
        if table.name in self._merged:
            return False
        keys = self._unchecked.pop(table.name, [])
        is_few = self._counts.get(table.name, 0) < APPEND_FROM_ROWS
        if is_few or (keys and _has_any_key(self.file.client, table, pa.concat_tables(keys))):
            self._merged.add(table.name)
            self._appended.pop(table.name, None)
            return False
        self._appended[table.name] = table
        settings = memory_limit(self._pipeline)
        if settings is not None:
            settings.drop_cache(self.file.client.native_connection)  # the keys of the table
            settings.postpone_vacuum(self.file.client.native_connection)
        _mark(self._pipeline).touch()
        return True

    def undo_appends(self) -> bool:
        """Remove the rows that unfinished jobs of the package appended; returns whether it could.

        DuckDB can run out of memory after a commit, so a failed append may have stored its rows.
        No table had their keys before, so no other row is removed.
        """
        try:
            for load_id in self._pipeline.list_normalized_load_packages():
                jobs = self._pipeline.get_load_package_info(load_id).jobs["new_jobs"]
                for job in jobs:
                    table = self._appended.get(job.job_file_info.table_name)
                    if table:
                        _remove(self.file.client, table, job.file_path)
        except (DatabaseException, duckdb.Error):
            return False
        return True


def without_repeats(keys: pa.Table) -> pa.Table:
    """The rows that differ from the row before, as the messages of a conversation do not."""
    if keys.num_rows < 2:
        return keys
    keys = keys.combine_chunks()
    differs = [
        pc.fill_null(pc.not_equal(column.slice(1), column.slice(0, keys.num_rows - 1)), True)
        for column in keys.columns
    ]
    is_new = functools.reduce(pc.or_, differs)
    # a filter copies, where a slice would keep all rows in memory
    return keys.filter(pa.chunked_array([pa.array([True]), *is_new.chunks]))


def _has_any_key(client: SqlClient, table: Table, rows: pa.Table) -> bool:
    """Whether the table has a key of the rows."""
    name = client.make_qualified_table_name(table.name)
    keys = ", ".join(client.escape_column_name(key) for key in table.keys)
    query = f"SELECT 1 FROM {name} SEMI JOIN {KEYS} USING ({keys}) LIMIT 1"  # noqa: S608 - no input
    connection = client.native_connection
    connection.register(KEYS, rows)
    try:
        return bool(client.execute_sql(query))
    except DatabaseUndefinedRelation:
        return False  # the load creates the table
    except DatabaseException as error:
        if is_out_of_memory(str(error)):
            return True  # a merge is correct in both cases
        raise
    finally:
        connection.unregister(KEYS)


def _remove(client: SqlClient, table: Table, parquet: str) -> None:
    """Delete the rows whose keys are in the file."""
    name = client.make_qualified_table_name(table.name)
    keys = ", ".join(client.escape_column_name(key) for key in table.keys)
    found = f"SELECT {keys} FROM read_parquet(?)"  # noqa: S608 - no input
    client.execute_sql(f"DELETE FROM {name} WHERE ({keys}) IN ({found})", parquet)  # noqa: S608 - no input


def _mark(pipeline: dlt.Pipeline) -> Path:
    return Path(pipeline.working_dir, APPEND_MARK)


def has_append_mark(pipeline: dlt.Pipeline) -> bool:
    """Whether a load package that appends was interrupted or failed."""
    return _mark(pipeline).exists()


def clear_append_mark(pipeline: dlt.Pipeline) -> None:
    """Record that the load package was completed."""
    _mark(pipeline).unlink(missing_ok=True)


def limited_duckdb(path: Path, wait_seconds: float = 0.0) -> Any:
    """A dlt destination for the command line: a DuckDB file with `LimitedMemory`."""
    credentials = PatientCredentials(
        str(path.absolute()),
        wait_seconds,
        global_config=LimitedMemory(),
        statements=[CHECKPOINT_SOON],
    )
    # parallel statements would share the memory limit, and not be faster
    return dlt.destinations.duckdb(credentials, loader_parallelism_strategy="sequential")


def memory_limit(pipeline: dlt.Pipeline) -> LimitedMemory | None:
    """The settings of a pipeline's DuckDB, if made by `limited_duckdb`; None if by the user."""
    credentials = pipeline.destination.config_params.get("credentials")
    settings = getattr(credentials, "global_config", None)
    return settings if isinstance(settings, LimitedMemory) else None


def raise_memory_limit(pipeline: dlt.Pipeline) -> None:
    """Multiply DuckDB's memory limit by `MORE_MEMORY`, unless the user has set the limit."""
    settings = memory_limit(pipeline)
    if settings is not None:
        settings.megabytes *= MORE_MEMORY


def is_out_of_memory(text: str) -> bool:
    """Whether the text of an error says that DuckDB reached its memory limit.

    DuckDB has several errors for it, also for a commit and a checkpoint; each message ends with the
    used share of the limit.
    """
    return bool(OUT_OF_MEMORY.search(text))
