"""Comments, indexes and partitions of the tables."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import chatislav
from chatislav_source.destinations.ddl import complete_tables
from chatislav_source.records.schema import TABLES
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from . import story
from .conftest import WAREHOUSES
from .telling import Told
from .warehouses import Warehouse

TABLE_COMMENTS = {
    "duckdb": "SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = '{dataset}'",
    "postgres": "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = '{dataset}'::regnamespace",
    "snowflake": "SELECT table_name, comment FROM information_schema.tables "
    "WHERE table_schema = upper('{dataset}')",
    "bigquery": "SELECT table_name, option_value FROM {dataset}.INFORMATION_SCHEMA.TABLE_OPTIONS "
    "WHERE option_name = 'description'",
}
COLUMN_COMMENTS = {
    "duckdb": "SELECT table_name, column_name, comment FROM duckdb_columns() "
    "WHERE schema_name = '{dataset}'",
    "postgres": "SELECT table_name, column_name, col_description("
    "(table_schema || '.' || table_name)::regclass, ordinal_position) "
    "FROM information_schema.columns WHERE table_schema = '{dataset}'",
    "snowflake": "SELECT table_name, column_name, comment FROM information_schema.columns "
    "WHERE table_schema = upper('{dataset}')",
    "bigquery": "SELECT table_name, column_name, description "
    "FROM {dataset}.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS",
}


def asked(told: Told, statement: str) -> list[tuple[Any, ...]]:
    """The result of a query, with `{dataset}` replaced."""
    sql = statement.format(dataset=told.pipeline.dataset_name)
    return [tuple(row.values()) for row in told.warehouse.execute(told.pipeline, sql)]


@pytest.mark.parametrize("told", WAREHOUSES, indirect=True)
def test_tables_are_described(told: Told) -> None:
    found = asked(told, TABLE_COMMENTS[told.warehouse.name])

    described = {name.lower(): (text or "").strip('"') for name, text in found}
    assert {table.name: described[table.name] for table in TABLES} == {
        table.name: table.description for table in TABLES
    }


@pytest.mark.parametrize("told", WAREHOUSES, indirect=True)
def test_columns_are_described(told: Told) -> None:
    found = asked(told, COLUMN_COMMENTS[told.warehouse.name])

    described = {(table.lower(), column.lower()): text for table, column, text in found}
    expected = {(t.name, column.name): column.description for t in TABLES for column in t.columns}
    assert {key: described[key] for key in expected} == expected


@pytest.mark.parametrize("told", ["postgres"], indirect=True)
def test_postgres_has_indexes_on_the_columns_that_rows_are_merged_by(told: Told) -> None:
    found = asked(told, "SELECT indexdef FROM pg_indexes WHERE schemaname = '{dataset}'")

    wanted = {
        f"CREATE {kind} {name} ON {told.pipeline.dataset_name}.{table} USING {columns}"
        for kind, name, table, columns in (
            (
                "UNIQUE INDEX",
                "conversations__unique_key",
                "conversations",
                "btree (bot_id, md5((session_id)::text))",
            ),
            ("INDEX", "conversations__by_session", "conversations", "hash (session_id)"),
            (
                "INDEX",
                "conversations__messages__by_session",
                "conversations__messages",
                "hash (session_id)",
            ),
            (
                "UNIQUE INDEX",
                "analytics__by_key",
                "analytics",
                "btree (bot_id, date, channel, timezone)",
            ),
        )
    }
    assert wanted <= {definition for (definition,) in found}


@pytest.mark.parametrize("told", ["bigquery"], indirect=True)
def test_bigquery_partitions_by_day_and_clusters_by_key(told: Told) -> None:
    found = asked(
        told,
        "SELECT table_name, column_name, is_partitioning_column, clustering_ordinal_position "
        "FROM {dataset}.INFORMATION_SCHEMA.COLUMNS "
        "WHERE is_partitioning_column = 'YES' OR clustering_ordinal_position IS NOT NULL",
    )

    assert set(found) == {
        ("conversations", "created_at", "YES", None),
        ("conversations", "bot_id", "NO", 1),
        ("conversations", "session_id", "NO", 2),
        ("conversations__messages", "created_at", "YES", None),
        ("conversations__messages", "bot_id", "NO", 1),
        ("conversations__messages", "session_id", "NO", 2),
        ("analytics", "date", "YES", None),
        ("analytics", "bot_id", "NO", 1),
        ("analytics", "channel", "NO", 2),
    }


@pytest.fixture
def loaded(tmp_path: Path, duckdb_warehouse: Warehouse) -> dlt.Pipeline:
    """A small DuckDB file."""
    pipeline = duckdb_warehouse.pipeline(tmp_path)
    with Sandbox(
        World.generate(bot_ids=(1,), conversations=1, days=1, last_day=story.TODAY)
    ) as api:
        given: Any = {"bot_ids": [1], "api_key": SANDBOX_KEY, "base_url": api.base_url}
        pipeline.run(chatislav(**given, start_date=story.TODAY.isoformat()))
    return pipeline


def test_a_failure_to_create_comments_is_only_a_warning(
    loaded: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    with loaded.sql_client() as client:
        client.execute_sql("ALTER TABLE conversations RENAME TO elsewhere")

    with caplog.at_level(logging.WARNING, "chatislav_source"):
        complete_tables(loaded, list(TABLES))

    assert "The comments of conversations, conversations__messages, analytics" in caplog.text


@pytest.mark.usefixtures("loaded")
def test_a_table_of_another_source_is_not_changed(
    tmp_path: Path, duckdb_warehouse: Warehouse
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path, name="other")

    pipeline.run([{"bot_id": 1}], table_name="conversations")

    statement = TABLE_COMMENTS["duckdb"].format(dataset=pipeline.dataset_name)
    comments = {tuple(row.values()) for row in duckdb_warehouse.execute(pipeline, statement)}
    assert ("conversations", None) in comments
