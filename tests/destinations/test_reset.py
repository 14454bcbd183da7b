"""A reset forgets rows and state on every destination, and the next sync reads them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatislav_source import ConfigurationError, PipelineLockedError, sync
from chatislav_source.destinations.concurrency import bot_locks
from chatislav_source.runner.upkeep import reset as module
from chatislav_source.runner.upkeep.reset import reset
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from . import warehouses
from .conftest import WAREHOUSES
from .warehouses import Warehouse

BOTH = ("conversations", "analytics")
TABLES = ("conversations", "conversations__messages", "analytics")


def count(warehouse: Warehouse, pipeline: Any, bot_id: int) -> list[int]:
    """The number of rows of a bot, by table."""
    query = "SELECT COUNT(*) AS n FROM {} WHERE bot_id = {}"
    names = (warehouse.qualified(pipeline, table) for table in TABLES)
    return [warehouse.execute(pipeline, query.format(name, bot_id))[0]["n"] for name in names]


def states(pipeline: Any) -> dict[str, list[str]]:
    """By resource, the bots with a state."""
    resources = pipeline.state["sources"]["chatislav"]["resources"]
    return {name: sorted(resources[name]["bots"]) for name in BOTH}


@pytest.mark.parametrize("warehouse", mostly_slow(WAREHOUSES, "postgres"), indirect=True)
def test_a_reset_bot_is_read_anew_and_the_others_stay(warehouse: Warehouse, tmp_path: Path) -> None:
    world = World.generate((101, 102), conversations=6, days=4, last_day=TODAY, messages=2)
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101, 102], "start_date": days_ago(4)}
        sync(warehouse.pipeline(tmp_path / "here", dataset), **given)

        # on a machine that has no folder of the pipeline yet
        reset(warehouse.pipeline(tmp_path / "there", dataset), [101], BOTH)
        reset(warehouse.pipeline(tmp_path / "there", dataset), [102], ["analytics"])

        pipeline = warehouse.pipeline(tmp_path / "there", dataset)
        assert count(warehouse, pipeline, 101) == [0, 0, 0]
        assert count(warehouse, pipeline, 102) == [6, 12, 0]
        assert states(pipeline) == {"conversations": ["102"], "analytics": []}
        assert "reset" not in pipeline.default_schema.tables

        report = sync(warehouse.pipeline(tmp_path / "here", dataset), **given)

        assert (report.total("rows"), report.total("unchanged")) == (6 + 5 + 5, 6)
        for bot_id in (101, 102):
            assert count(warehouse, pipeline, bot_id) == [6, 12, 5]


@pytest.mark.parametrize("deleted", mostly_slow([0, 2, 4], 2))
def test_an_interrupted_reset_is_ended_by_another_and_repaired_by_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleted: int
) -> None:
    """A kill after the rows of so many tables were deleted, before the state was."""
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world = World.generate((101,), conversations=6, days=4, last_day=TODAY, messages=2)
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101], "start_date": days_ago(4)}
        sync(warehouse.pipeline(tmp_path, "chatislav"), **given)
        for again in (sync, reset):
            with monkeypatch.context() as patch:
                killed_after(patch, deleted)
                with pytest.raises(KeyboardInterrupt):
                    reset(warehouse.pipeline(tmp_path, "chatislav"), [101], BOTH)
            pipeline = warehouse.pipeline(tmp_path, "chatislav")
            if again is sync:
                assert sync(pipeline, **given).complete
                assert count(warehouse, pipeline, 101) == [6, 12, 5]
            else:
                reset(pipeline, [101], BOTH)
                assert count(warehouse, pipeline, 101) == [0, 0, 0]
                assert states(pipeline) == {"conversations": [], "analytics": []}


def killed_after(patch: pytest.MonkeyPatch, tables: int) -> None:
    """A reset is stopped after it has deleted the rows of so many tables."""
    delete, left = module.delete_rows, list(range(tables))

    def delete_rows(*arguments: Any) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        delete(*arguments)

    patch.setattr(module, "delete_rows", delete_rows)
    if tables == 4:  # all of them, with that of rejected records
        patch.setattr(module, "load", lambda *_: delete_rows())


def test_a_bot_that_is_being_loaded_is_not_reset(postgres_url: str, tmp_path: Path) -> None:
    warehouse = warehouses.postgres(postgres_url)
    dataset = warehouse.new_dataset()

    with (
        bot_locks.bot_locks(warehouse.pipeline(tmp_path / "here", dataset), [101]),
        pytest.raises(PipelineLockedError, match="Bot 101 is being loaded"),
    ):
        reset(warehouse.pipeline(tmp_path / "there", dataset), [101], BOTH)


def test_rows_in_files_are_not_reset(tmp_path: Path) -> None:
    warehouse = warehouses.filesystem(tmp_path / "files")

    with pytest.raises(ConfigurationError, match="cannot be deleted one by one"):
        reset(warehouse.pipeline(tmp_path / "here", "files"), [101], BOTH)

    assert not (tmp_path / "files").exists()
