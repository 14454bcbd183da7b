"""Concurrent runs: refused with a clear error, and no row is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import PipelineLockedError
from chatislav_source.runner.job import alone
from chatislav_source.sandbox import World
from tests.exactness.truth import TODAY, Bench, bench, days_ago

HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """Two bots with 40 conversations over 8 days."""
    world = World.generate((101, 102), conversations=40, days=8, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(8)) as each:
        yield each


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Another process has the DuckDB file open for writing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("\n")


def test_a_pipeline_that_is_running_is_refused_before_any_request(made: Bench) -> None:
    with alone(made.pipeline()), pytest.raises(PipelineLockedError, match="by another process"):
        made.sync()

    assert made.api.count() == 0


def test_a_database_locked_from_the_start_is_an_error_and_nothing_is_lost(made: Bench) -> None:
    made.sync()
    made.world.add_conversation(101)
    with held(made.database), pytest.raises(PipelineLockedError, match=r"DuckDB file .* is held"):
        made.sync()

    made.sync()

    assert made.differences() == []


def test_a_database_locked_between_extract_and_load_loses_nothing(made: Bench) -> None:
    made.sync()
    made.world.add_conversation(101)
    holder = held(made.database)
    taken: list[Any] = []

    def take(*_: Any) -> None:
        if not taken:
            taken.append(holder.__enter__())

    with pytest.raises(PipelineLockedError):
        made.sync(on_progress=take)
    holder.__exit__(None, None, None)

    report = made.sync()

    assert report.complete
    assert made.differences() == []


@pytest.mark.slow
def test_two_pipelines_share_one_file_and_dataset_in_turn(made: Bench) -> None:
    other = Bench(made.api, made.folder, [102], made.start_date, name="other")

    made.sync(bot_ids=[101])
    other.sync(bot_ids=[102])
    made.world.add_conversation(101)
    made.world.add_conversation(102)
    made.sync(bot_ids=[101])
    other.sync(bot_ids=[102])

    assert made.differences() == []
