"""The merge strategy of each table, chosen by what dlt supports for a destination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import chatislav
from chatislav_source.destinations.merging.strategies import strategy_for
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES
from chatislav_source.runner import run
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from .story import TODAY

BY_KEY = {
    "upsert": ("duckdb", "postgres", "snowflake", "bigquery", "ducklake", "mssql", "databricks"),
    "delete-insert": ("sqlalchemy", "redshift", "clickhouse", "synapse", "dremio"),
    None: ("filesystem", "athena"),
}
STRATEGIES = [(name, by_key) for by_key, names in BY_KEY.items() for name in names]


def pipeline_into(name: str, folder: Path, **options: Any) -> dlt.Pipeline:
    """A pipeline that connects to nothing."""
    destination = getattr(dlt.destinations, name)(**options)
    return dlt.pipeline("p", destination=destination, dataset_name="d", pipelines_dir=str(folder))


@pytest.mark.parametrize(("name", "by_key"), STRATEGIES)
def test_rows_are_merged_by_the_best_that_the_destination_has(
    tmp_path: Path, name: str, by_key: str | None
) -> None:
    """Messages are replaced as a set wherever rows can be replaced at all."""
    pipeline = pipeline_into(name, tmp_path)

    assert strategy_for(pipeline, CONVERSATIONS) == by_key
    assert strategy_for(pipeline, ANALYTICS) == by_key
    assert strategy_for(pipeline, MESSAGES) == (by_key and "delete-insert")


@pytest.mark.parametrize("table_format", ["delta", "iceberg"])
def test_open_tables_replace_rows_by_key_only(tmp_path: Path, table_format: str) -> None:
    pipeline = pipeline_into("filesystem", tmp_path)

    for table in (CONVERSATIONS, MESSAGES, ANALYTICS):
        assert strategy_for(pipeline, table, table_format) == "upsert"


@pytest.mark.parametrize(
    ("name", "options", "of_conversations", "of_messages"),
    [
        pytest.param("redshift", {"credentials": "redshift://u:p@h/d"}, *["delete-insert"] * 2),
        pytest.param("clickhouse", {"credentials": "clickhouse://u:p@h/d"}, *["delete-insert"] * 2),
        pytest.param("synapse", {"credentials": "synapse://u:p@h/d"}, *["delete-insert"] * 2),
        pytest.param("dremio", {"credentials": "grpc://u:p@h:32010/d"}, *["delete-insert"] * 2),
        pytest.param("postgres", {"credentials": "postgres://u:p@h/d"}, "upsert", "delete-insert"),
        pytest.param("filesystem", {"bucket_url": "files"}, None, None),
    ],
)
def test_the_strategy_stands_in_the_schema_that_dlt_loads_by(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    options: dict[str, str],
    of_conversations: str | None,
    of_messages: str | None,
) -> None:
    """Nothing was run on Redshift, ClickHouse, Synapse and Dremio: this is how far tests go."""
    pipeline = pipeline_into(name, tmp_path, **options)
    monkeypatch.setattr(run, "stored_tables", lambda: StoredTables(None))
    world = World.generate(bot_ids=(1,), conversations=2, days=1, last_day=TODAY, messages=1)
    with Sandbox(world) as api:
        given: Any = {"bot_ids": [1], "api_key": SANDBOX_KEY, "base_url": api.base_url}
        pipeline.extract(chatislav(**given, start_date=TODAY.isoformat()))

    tables = pipeline.default_schema.tables
    wanted = {CONVERSATIONS: of_conversations, MESSAGES: of_messages, ANALYTICS: of_conversations}
    for table, strategy in wanted.items():
        found = tables[table.name]
        assert found["write_disposition"] == ("merge" if strategy else "append")
        assert found.get("x-merge-strategy") == strategy
