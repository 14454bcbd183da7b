"""A table that somebody dropped is created and filled again by the next sync."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatislav_source import sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from .warehouses import Warehouse

TABLES = ("conversations", "conversations__messages", "analytics")
DLT_TABLES = ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")
CASES = [(name, lost) for name in ("duckdb", "postgres") for lost in (*TABLES, *DLT_TABLES, "all")]
CASES += [("snowflake", "all"), ("bigquery", "all")]
FAST = (("duckdb", "analytics"), ("postgres", "all"))


@pytest.mark.parametrize(("warehouse", "lost"), mostly_slow(CASES, *FAST), indirect=["warehouse"])
def test_a_lost_table_is_filled_again(warehouse: Warehouse, tmp_path: Path, lost: str) -> None:
    world = World.generate((101,), conversations=12, days=4, last_day=TODAY, messages=2)
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101], "start_date": days_ago(4)}
        pipeline = warehouse.pipeline(tmp_path, dataset)
        sync(pipeline, **given)
        before = [key_values(warehouse, pipeline, table) for table in TABLES]
        for table in (*TABLES, *DLT_TABLES) if lost == "all" else (lost,):
            warehouse.execute(pipeline, f"DROP TABLE {warehouse.qualified(pipeline, table)}")

        report = sync(warehouse.pipeline(tmp_path, dataset), **given)

        assert report.complete
        assert [key_values(warehouse, pipeline, table) for table in TABLES] == before


@pytest.mark.parametrize("warehouse", mostly_slow(["duckdb", "postgres"], "duckdb"), indirect=True)
def test_a_lost_schema_file_is_replaced(warehouse: Warehouse, tmp_path: Path) -> None:
    """Also where the locks are asked of the destination, before anything else of a sync."""
    world = World.generate((101,), conversations=3, days=2, last_day=TODAY, messages=1)
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101], "start_date": days_ago(2)}
        pipeline = warehouse.pipeline(tmp_path, dataset)
        sync(pipeline, **given)
        Path(pipeline.working_dir, "schemas", "chatislav.schema.json").unlink()
        world.add_conversation(101)

        report = sync(warehouse.pipeline(tmp_path, dataset), **given)

    assert report.complete
    assert len(warehouse.rows(pipeline, "conversations")) == 4


def key_values(warehouse: Warehouse, pipeline: Any, table: str) -> list[str]:
    """The rows of a table without the columns that differ by load, sorted."""
    kept = ("session_id", "message_index", "content", "date", "channel", "_version")
    rows = warehouse.rows(pipeline, table)
    return sorted(str([(name, row.get(name)) for name in kept]) for row in rows)
