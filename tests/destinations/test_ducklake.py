"""DuckLake: one run per bot, several bots and readers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import PipelineLockedError, sync
from chatislav_source.cli.access.destination import check_destination
from chatislav_source.destinations.concurrency import advisory_locks, file_locks
from chatislav_source.destinations.concurrency.bot_locks import bot_locks
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from .conftest import warehouse_of
from .story import TODAY
from .warehouses import Warehouse

BOTS = (1, 2)


def load(lake: Warehouse, folder: Path, dataset: str, bot_id: int, api: Sandbox) -> int:
    """Sync one bot with a pipeline of its own; returns the number of rows."""
    pipeline = lake.pipeline(folder / f"bot_{bot_id}", dataset, name=f"bot_{bot_id}")
    given: Any = {"bot_ids": [bot_id], "api_key": SANDBOX_KEY, "base_url": api.base_url}
    return sync(pipeline, **given, start_date=TODAY.isoformat()).total("rows")


def counted(lake: Warehouse, pipeline: dlt.Pipeline, table: str) -> dict[int, int]:
    """By bot, the number of rows."""
    name = lake.qualified(pipeline, table)
    found = lake.execute(pipeline, f"SELECT bot_id, count(*) AS n FROM {name} GROUP BY bot_id")
    return {row["bot_id"]: row["n"] for row in found}


@pytest.mark.slow
def test_two_writers_and_a_reader_work_at_once(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    lake = warehouse_of(request, "ducklake on postgres", tmp_path)
    dataset = lake.new_dataset()
    world = World.generate(bot_ids=BOTS, conversations=20, days=1, last_day=TODAY, messages=3)
    reader = lake.pipeline(tmp_path / "reader", dataset, name="reader")
    with Sandbox(world) as api, ThreadPoolExecutor(1) as pool:
        load(lake, tmp_path, dataset, 1, api)
        for row in world.conversations(1):
            world.change(1, row["sessionId"], touch=True, feedbackComment="again")
        writer = pool.submit(load, lake, tmp_path, dataset, 2, api)
        load(lake, tmp_path, dataset, 1, api)
        reads = 0
        while not writer.done() or not reads:
            assert counted(lake, reader, "conversations")[1] == 20
            reads += 1
        writer.result()

    assert counted(lake, reader, "conversations") == {1: 20, 2: 20}
    assert counted(lake, reader, "conversations__messages") == {1: 60, 2: 60}


@pytest.mark.parametrize("kind", ["ducklake", "ducklake on postgres"])
def test_a_second_run_of_a_bot_is_refused_and_says_who_runs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(advisory_locks, "ATTEMPTS", 1)
    monkeypatch.setattr(file_locks, "WAIT_SECONDS", 0.01)
    lake = warehouse_of(request, kind, tmp_path)
    dataset = lake.new_dataset()
    first, second = (lake.pipeline(tmp_path / name, dataset, name=name) for name in ("a", "b"))

    with bot_locks(first, [1]), bot_locks(second, [2]):
        pass
    with (
        bot_locks(first, [1]),
        pytest.raises(PipelineLockedError, match=r"pipeline a\b|, pipeline a"),
        bot_locks(second, [1]),
    ):
        pass
    with bot_locks(second, [1]):
        pass


def test_the_check_passes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    lake = warehouse_of(request, "ducklake", tmp_path)
    config = PipelineConfig("ducklake", Path(), lake.new_dataset(), "test", str(tmp_path))
    with pytest.MonkeyPatch.context() as patch:
        prefix = "DESTINATION__DUCKLAKE__CREDENTIALS__"
        patch.setenv(f"{prefix}CATALOG", f"duckdb:///{tmp_path / 'catalog.duckdb'}")
        patch.setenv(f"{prefix}STORAGE__BUCKET_URL", str(tmp_path / "lake"))

        assert check_destination(config).problem is None
