"""Several pipelines write into one Postgres dataset, as one worker per bot does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from dlt.load.load import Load

from chatislav_source import chatislav
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from . import warehouses
from .story import TODAY
from .warehouses import Warehouse

SHARED = "%s_staging"  # dlt's own default
ROUNDS = 3


@pytest.fixture
def postgres(postgres_url: str) -> Warehouse:
    """The Postgres server."""
    return warehouses.postgres(postgres_url)


class Writer:
    """Loads one bot with a separate pipeline into a shared dataset."""

    def __init__(self, warehouse: Warehouse, bot_id: int, dataset: str, folder: Path) -> None:
        self.warehouse, self.bot_id, self.dataset, self.folder = warehouse, bot_id, dataset, folder
        self.world = World.generate(
            bot_ids=(bot_id,), conversations=5, days=1, last_day=TODAY, messages=2
        )

    def write(self) -> None:
        """Load all rows of the bot."""
        pipeline = self.warehouse.pipeline(self.folder, self.dataset, name=f"bot_{self.bot_id}")
        with Sandbox(self.world) as api:
            given: Any = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
            pipeline.run(chatislav(bot_ids=[self.bot_id], **given, start_date=TODAY.isoformat()))

    def change(self, comment: str) -> None:
        """Change every conversation."""
        for row in self.world.conversations(self.bot_id):
            self.world.change(self.bot_id, row["sessionId"], touch=True, feedbackComment=comment)

    def comments(self) -> list[str]:
        """The loaded comments of the bot."""
        pipeline = self.warehouse.pipeline(self.folder, self.dataset, name=f"bot_{self.bot_id}")
        table = self.warehouse.qualified(pipeline, "conversations")
        select = f"SELECT feedback_comment FROM {table} WHERE bot_id = {self.bot_id}"
        return [row["feedback_comment"] for row in self.warehouse.execute(pipeline, select)]


def meanwhile(action: Callable[[], None]) -> Callable[..., Any]:
    """A `create_followup_jobs` that first, once, runs `action` in another thread.

    At that moment rows are staged, but not merged yet.
    """
    original = Load.create_followup_jobs
    waiting = [action]

    def create_followup_jobs(load: Load, load_id: str, state: Any, job: Any, schema: Any) -> Any:
        if waiting and job.job_file_info().table_name == "conversations":
            thread = Thread(target=waiting.pop())
            thread.start()
            thread.join()
        return original(load, load_id, state, job, schema)

    return create_followup_jobs


def writes_between(postgres: Warehouse, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rows of one bot if another one is loaded between its staging and its merge."""
    dataset = postgres.new_dataset()
    one, other = (Writer(postgres, bot_id, dataset, folder) for bot_id in (1, 2))
    one.write()
    other.write()
    one.change("new")
    other.change("new")
    monkeypatch.setattr(Load, "create_followup_jobs", meanwhile(other.write))
    one.write()
    assert other.comments() == ["new"] * 5
    return one.comments()


@pytest.mark.slow
def test_a_pipeline_keeps_what_it_staged_while_another_one_writes(
    postgres: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writes_between(postgres, tmp_path, monkeypatch) == ["new"] * 5


@pytest.mark.slow
def test_with_dlts_shared_staging_dataset_rows_are_lost_without_an_error(
    postgres: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that the test above depends on the staging dataset."""
    monkeypatch.setenv("DESTINATION__POSTGRES__STAGING_DATASET_NAME_LAYOUT", SHARED)

    assert "new" not in writes_between(postgres, tmp_path, monkeypatch)


@pytest.mark.slow
def test_workers_that_write_at_once_leave_exactly_their_rows(
    postgres: Warehouse, postgres_url: str, tmp_path: Path
) -> None:
    dataset = postgres.new_dataset()
    command = [sys.executable, "-m", "tests.destinations.worker", postgres_url, dataset]
    workers = [
        subprocess.Popen(
            [*command, str(bot_id), str(ROUNDS), str(tmp_path / str(bot_id))],
            cwd=Path(__file__).parents[2],
        )
        for bot_id in (1, 2)
    ]

    statuses = [worker.wait() for worker in workers]

    assert statuses == [0, 0]
