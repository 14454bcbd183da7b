"""dlt's own commands after a sync of the command line; a resource that they dropped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.helpers import pipeline_drop

from chatislav_source import sync
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago

from .conftest import warehouse_of
from .warehouses import Warehouse

TABLES = ("conversations", "conversations__messages", "analytics")
NAME = "chatislav_sync"

COMMANDS = """
import os, sys
from importlib.metadata import entry_points
import dlt

(entry_point,) = entry_points(group="console_scripts", name="dlt")
main = entry_point.load()
for command in sys.argv[1:]:
    sys.stdin = open(os.devnull)  # the end of a command closes it
    sys.argv = ["dlt", "-y", "pipeline", "chatislav_sync", *command.split()]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (command, ended.code)
    if command.startswith("drop"):
        dataset = dlt.attach("chatislav_sync").dataset()
        print(sorted(dataset.row_counts().fetchall()))
assert "chatislav_source" not in sys.modules
"""


@pytest.fixture
def given() -> Iterator[dict[str, Any]]:
    """The arguments of a small sync."""
    world = World.generate((101,), conversations=6, days=3, last_day=TODAY, messages=2)
    with Sandbox(world) as api:
        yield {
            "bot_ids": [101],
            "start_date": days_ago(2),
            "api_key": SANDBOX_KEY,
            "base_url": api.base_url,
        }


def dlt_commands(folder: Path, *commands: str) -> str:
    """What dlt's commands print, run one after the other in `folder`, and the rows after a drop."""
    folder.mkdir(exist_ok=True)
    ended = subprocess.run(
        [sys.executable, "-c", COMMANDS, *commands],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", ["duckdb", pytest.param("postgres", marks=pytest.mark.slow)])
def test_the_commands_of_dlt_find_the_database_from_any_folder(
    name: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = warehouse_of(request, name, tmp_path).new_dataset()
    if name == "postgres":
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    (tmp_path / "data").mkdir()
    config = PipelineConfig(name, Path("data/own.duckdb"), dataset, NAME, pipelines_dir=None)
    sync(config.pipeline(), **given)
    elsewhere = tmp_path / "elsewhere"

    said = dlt_commands(elsewhere, "info", "trace", "drop analytics")

    assert f"dataset_name: {dataset}" in said
    assert f"loaded to destination {name} and into dataset {dataset}" in said
    assert "[('conversations', 6), ('conversations__messages', 12)]" in said

    again = sync(config.pipeline(), **given)
    said = dlt_commands(elsewhere, "drop conversations", "sync")

    assert again.complete
    assert "[('analytics', 3)]" in said
    assert "Restoring from destination" in said
    assert "was not found" not in said

    again = sync(config.pipeline(), **given)

    assert again.complete
    with config.pipeline().sql_client() as client:
        assert client.execute_sql("SELECT count(*) FROM conversations") == [(6,)]
    assert list(elsewhere.iterdir()) == []  # no empty database was made there


@pytest.mark.slow
def test_a_dropped_resource_is_read_anew_and_every_row_names_its_load(
    warehouse: Warehouse, tmp_path: Path, given: dict[str, Any]
) -> None:
    pipeline = warehouse.pipeline(tmp_path)
    sync(pipeline, **given)
    before = [len(warehouse.rows(pipeline, table)) for table in TABLES]
    load_ids = set()

    for resource in ("analytics", "conversations"):
        pipeline_drop(pipeline, resources=resource)()
        report = sync(pipeline, **given)

        load_ids |= set(report.load_ids)
        assert report.complete
        assert [len(warehouse.rows(pipeline, table)) for table in TABLES] == before

    for table in TABLES:
        name = warehouse.qualified(pipeline, table)
        loads = warehouse.execute(pipeline, f"SELECT DISTINCT _dlt_load_id FROM {name}")
        assert {row["_dlt_load_id"] for row in loads} <= load_ids
