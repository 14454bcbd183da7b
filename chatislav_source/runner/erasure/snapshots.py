"""Takes deleted rows out of the files of a DuckLake, which keeps them in snapshots and data files.

A deletion only marks rows in a file. So the files are written anew without these rows, the
snapshots that refer to the old ones are expired, and what nothing refers to any more is deleted.
Snapshots are of a whole catalog: those of other schemas in it end, too.
"""

from __future__ import annotations

import dlt

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.runner.erasure.search import KEY_COLUMNS, datasets, exists

ENDS_TIME_TRAVEL = (
    "All snapshots of the DuckLake but the newest are expired, and files that only they need are "
    "deleted: a snapshot would keep the rows. This ends time travel for every schema of its "
    "catalog, and queries on older snapshots that are under way fail."
)
OF_TABLE = (
    "CALL ducklake_flush_inlined_data({lake}, schema_name => {schema}, table_name => {table})",
    "CALL ducklake_rewrite_data_files({lake}, {table}, schema => {schema}, delete_threshold => 0)",
)
OF_LAKE = (
    "CALL ducklake_expire_snapshots({lake}, older_than => now())",
    "CALL ducklake_cleanup_old_files({lake}, cleanup_all => true)",
)


def is_lake(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination is a DuckLake."""
    return pipeline.destination.destination_type.endswith(".ducklake")


def effects_of(pipeline: dlt.Pipeline) -> list[str]:
    """What an erasure changes beside the rows that it deletes."""
    return [ENDS_TIME_TRAVEL] if is_lake(pipeline) else []


def purge(pipeline: dlt.Pipeline, client: SqlClient) -> None:
    """Take deleted rows out of the files of a DuckLake; elsewhere nothing is done.

    It may be repeated after a kill, also if no row is left to delete.
    """
    if not is_lake(pipeline):
        return
    [[lake]] = client.execute_sql("SELECT current_database()") or [[""]]
    for dataset in datasets(client):
        for table in KEY_COLUMNS:
            if exists(client, dataset, table):
                for statement in OF_TABLE:
                    names = {"lake": lake, "schema": dataset, "table": table}
                    client.execute_sql(_filled(statement, names))
    for statement in OF_LAKE:
        client.execute_sql(_filled(statement, {"lake": lake}))


def _filled(statement: str, names: dict[str, str]) -> str:
    quoted = {key: "'" + name.replace("'", "''") + "'" for key, name in names.items()}
    return statement.format(**quoted)
