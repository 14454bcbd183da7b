"""The file format of loads: the exact one, unless the user configures another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common.destination import Destination

from chatislav_source import chatislav
from chatislav_source.destinations.pipe.writers import ROW_FILES
from chatislav_source.runner import run
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from .conftest import require_client
from .story import TODAY
from .warehouses import Warehouse

URL = "snowflake://u:p@account/DB?warehouse=W&role=R"  # never connected to


@pytest.fixture(autouse=True)
def no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extraction asks no warehouse what it holds, as there is none."""
    monkeypatch.setattr(run, "stored_tables", lambda: StoredTables(None))


@pytest.fixture
def snowflake() -> Destination[Any, Any]:
    """A destination for which loads are only prepared."""
    require_client("snowflake.connector", "snowflake")
    return dlt.destinations.snowflake(URL)


@pytest.fixture
def postgres() -> Destination[Any, Any]:
    """A destination for which loads are only prepared."""
    require_client("psycopg2", "postgres")
    return dlt.destinations.postgres("postgresql://u:p@127.0.0.1:1/db")


@pytest.fixture
def source() -> Iterator[Any]:
    """A source with a few rows."""
    world = World.generate(bot_ids=(1,), conversations=2, days=1, last_day=TODAY, messages=1)
    with Sandbox(world) as api:
        given: Any = {"bot_ids": [1], "api_key": SANDBOX_KEY, "base_url": api.base_url}
        yield chatislav(**given, start_date=TODAY.isoformat())


def formats(
    destination: Destination[Any, Any], source: Any, folder: Path, **asked: Any
) -> dict[str, str]:
    """By table, the format of the files that would be loaded."""
    pipeline = dlt.pipeline(
        "prepared", destination=destination, dataset_name="chat", pipelines_dir=str(folder)
    )
    pipeline.extract(source, **asked)
    pipeline.normalize()
    [load_id] = pipeline.list_normalized_load_packages()
    jobs = pipeline.get_load_package_info(load_id).jobs["new_jobs"]
    infos = [job.job_file_info for job in jobs]
    return {i.table_name: i.file_format for i in infos if not i.table_name.startswith("_dlt")}


def of_all(file_format: str) -> dict[str, str]:
    """Every table in the same format."""
    return dict.fromkeys(("conversations", "conversations__messages", "analytics"), file_format)


@pytest.mark.slow
def test_snowflake_gets_json_lines_unless_another_format_is_asked_for(
    snowflake: Destination[Any, Any], source: Any, tmp_path: Path
) -> None:
    assert formats(snowflake, source, tmp_path / "usual") == of_all("jsonl")
    asked = formats(snowflake, source, tmp_path / "asked", loader_file_format="parquet")
    assert asked == of_all("parquet")


def test_postgres_gets_rows_unless_another_format_is_asked_for(
    postgres: Destination[Any, Any], source: Any, tmp_path: Path
) -> None:
    assert formats(postgres, source, tmp_path / "usual") == of_all("insert_values")
    asked = formats(postgres, source, tmp_path / "asked", loader_file_format="csv")
    assert asked == of_all("csv")


def test_the_same_source_can_be_loaded_into_one_warehouse_after_the_other(
    snowflake: Destination[Any, Any],
    duckdb_warehouse: Warehouse,
    source: Any,
    tmp_path: Path,
) -> None:
    formats(snowflake, source, tmp_path / "snowflake")
    pipeline = duckdb_warehouse.pipeline(tmp_path / "duckdb")

    pipeline.run(source)

    texts = duckdb_warehouse.json_text(pipeline, "conversations", "summary", "resolution_status")
    assert len(texts) == 2
    assert None not in texts
    assert len(duckdb_warehouse.rows(pipeline, "conversations__messages")) == 2


def test_a_source_that_is_only_iterated_gives_arrow_whatever_pipeline_there_is(
    snowflake: Destination[Any, Any], source: Any, tmp_path: Path
) -> None:
    dlt.pipeline("idle", destination=snowflake, pipelines_dir=str(tmp_path))

    items = list(source.conversations)

    assert [type(item) for item in items] == [pa.Table, pa.Table]


def test_files_of_a_load_that_was_killed_are_removed_by_the_next(
    snowflake: Destination[Any, Any], source: Any, tmp_path: Path
) -> None:
    left = tmp_path / "prepared" / ROW_FILES / "conversations" / "conversations.1.jsonl.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"words of a contact")

    formats(snowflake, source, tmp_path)

    assert not left.exists()
