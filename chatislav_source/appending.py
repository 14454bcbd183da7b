"""Which files a load may append to a DuckDB table instead of merging them, which takes longer.

Only files of which the table holds no key yet; that is asked of the table itself, while this
process holds the database, so that no other can write until the load has ended. An append that is
repeated would store its rows twice. So a load that appends is noted in the pipeline's folder, and
if it is interrupted it is not repeated but read again, and merged, as its keys are there by then.
"""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from chatislav_source import settings
from chatislav_source.tables import Table

NOTE = "chatislav_appends"


def may_append(pipeline: dlt.Pipeline, table: Table, parquet: Path, count: int) -> bool:
    """Whether the table has none of the keys in a file of `count` rows that is worth the question.

    A small one is merged just as quickly, without a change of how dlt's schema says it is written.
    """
    if count < settings.APPEND_FROM_ROWS:
        return False
    with pipeline.sql_client() as client:
        name = client.make_qualified_table_name(table.name)
        keys = ", ".join(client.escape_column_name(key) for key in table.keys)
        query = f"SELECT 1 FROM {name} SEMI JOIN read_parquet(?) AS read USING ({keys}) LIMIT 1"  # noqa: S608 - no input
        try:
            return not client.execute_sql(query, str(parquet))
        except DatabaseUndefinedRelation:
            return True  # the load makes it


def note(pipeline: dlt.Pipeline) -> None:
    """Note that the load that is being prepared must not be repeated."""
    Path(pipeline.working_dir, NOTE).touch()


def is_noted(pipeline: dlt.Pipeline) -> bool:
    """Whether a load that must not be repeated did not come to its end."""
    return Path(pipeline.working_dir, NOTE).exists()


def forget(pipeline: dlt.Pipeline) -> None:
    """The load has come to its end."""
    Path(pipeline.working_dir, NOTE).unlink(missing_ok=True)
