"""What an erasure cannot reach, and the statements that do."""

from __future__ import annotations

from pathlib import Path

import dlt

from chatislav_source.records.history.table import OF_ONE_CONVERSATION
from chatislav_source.records.rejected.table import REJECTED

ERASED_FROM = (*OF_ONE_CONVERSATION, REJECTED)

DUCKDB = (
    "{file} keeps deleted rows in its free space until that is used again. To write it anew:\n"
    "  duckdb rewritten.duckdb \"ATTACH '{file}' AS old (READ_ONLY); "
    'COPY FROM DATABASE old TO rewritten"\n'
    "  mv rewritten.duckdb {file}"
)
POSTGRES = (
    "Postgres keeps deleted rows in its files until they are vacuumed, and in its archived WAL:\n"
    "{statements}"
)
SNOWFLAKE = (
    "Snowflake keeps deleted rows for Time Travel, and then for 7 days of Fail-safe, which nobody "
    "can shorten. To end Time Travel at once (set it back afterwards):\n{statements}"
)
BIGQUERY = (
    "BigQuery keeps deleted rows for time travel (7 days), and then for 7 days of fail-safe, which "
    "nobody can shorten. To shorten time travel to the least:\n"
    "  ALTER SCHEMA {dataset} SET OPTIONS (max_time_travel_hours = 48);"
)
DUCKLAKE = (
    "The snapshots and files of the DuckLake have the rows no more. Its catalog has small tables "
    "in itself: deleted rows of these may be in free space of its database. Write a DuckDB file "
    "anew with COPY FROM DATABASE, or run VACUUM FULL in Postgres. Copies of the lake's folder, "
    "and versions that an object store keeps of its files, have the rows, too."
)
OTHER = (
    "Look up how {name} keeps deleted rows, such as in snapshots or logs, and how these are purged."
)
PER_TABLE = {
    "postgres": (POSTGRES, "VACUUM FULL {table};"),
    "snowflake": (SNOWFLAKE, "ALTER TABLE {table} SET DATA_RETENTION_TIME_IN_DAYS = 0;"),
}
FOLDERS = (
    "Folders of other pipelines have packages of interrupted runs, which may have rows. Delete "
    "them, as they are caches: {folders}"
)
TABLES = (
    "Tables made from these ones, by dbt or by hand, have copies. Make them anew: `dbt run "
    "--full-refresh`. The views of `chatislav models` have none."
)
BACKUPS = (
    "Backups, exports, replicas, and the pipelines folders of other machines. A restored backup "
    "lacks rows of the table forgotten: run this command again after it."
)
VENDOR = "Chatislav itself still has the conversations; have them deleted there too."


def beyond_reach(pipeline: dlt.Pipeline) -> list[str]:
    """What may still have rows of an erased person, each with what to do about it."""
    folders = _folders_with_rows(pipeline)
    of_folders = [FOLDERS.format(folders=", ".join(map(str, folders)))] if folders else []
    return [_of_destination(pipeline), *of_folders, TABLES, BACKUPS, VENDOR]


def _of_destination(pipeline: dlt.Pipeline) -> str:
    kind = pipeline.destination.destination_type.rpartition(".")[2]
    with pipeline.sql_client() as client:
        dataset = client.fully_qualified_dataset_name()
        names = [client.make_qualified_table_name(table.name) for table in ERASED_FROM]
        if kind == "duckdb":
            [[file]] = client.execute_sql("SELECT path FROM duckdb_databases() LIMIT 1") or [[""]]
            return DUCKDB.format(file=file)
    if kind in PER_TABLE:
        text, statement = PER_TABLE[kind]
        return text.format(statements="\n".join(f"  {statement.format(table=n)}" for n in names))
    fixed = {"bigquery": BIGQUERY, "ducklake": DUCKLAKE}.get(kind, OTHER)
    return fixed.format(dataset=dataset, name=pipeline.destination.destination_name)


def _folders_with_rows(pipeline: dlt.Pipeline) -> list[Path]:
    """The folders of other pipelines beside this one that have packages with rows."""
    beside = sorted(Path(pipeline.pipelines_dir).glob("*/"))
    others = [each for each in beside if each.name != pipeline.pipeline_name]
    return [each for each in others if any(each.glob("load/*/*/*_jobs/*conversations*"))]
