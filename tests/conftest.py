"""Fixtures of all tests: dlt without the user's own files, and a small generated workspace."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dlt
import hypothesis
import pytest

from chatislav_source.sandbox import Sandbox, World
from tests import memoized_dlt

# the duration of an example has no meaning on a shared machine
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
memoized_dlt.memoize()

BOT_IDS = (101, 102, 103)
TODAY = datetime.now(UTC).date()


def pytest_collection_finish() -> None:
    """Keep what was imported out of garbage collections, which would walk through all of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_dlt_files_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures that several tests share use no configuration of the user, and send nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLT_DATA_DIR", str(tmp_path_factory.mktemp("dlt")))
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        yield


@pytest.fixture(autouse=True)
def _own_dlt_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dlt uses no configuration or pipelines of the user who runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))


@pytest.fixture
def world() -> World:
    """Three bots with 40 conversations each, over the 20 days that end today."""
    return World.generate(bot_ids=BOT_IDS, conversations=40, days=20, last_day=TODAY, seed=7)


@pytest.fixture
def api(world: World) -> Iterator[Sandbox]:
    """The sandbox, serving `world` on loopback."""
    with Sandbox(world) as sandbox:
        yield sandbox


@pytest.fixture
def new_pipeline(tmp_path: Path) -> Callable[..., dlt.Pipeline]:
    """Creates pipelines into one DuckDB file; the same name is the same pipeline."""

    def make(name: str = "chatislav_sync", dataset: str = "chatislav") -> dlt.Pipeline:
        return dlt.pipeline(
            name,
            destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
            dataset_name=dataset,
            pipelines_dir=str(tmp_path / "pipelines"),
        )

    return make


@pytest.fixture
def pipeline(new_pipeline: Callable[..., dlt.Pipeline]) -> dlt.Pipeline:
    """A pipeline into an empty DuckDB file."""
    return new_pipeline()


def days_ago(days: int) -> str:
    """An ISO date."""
    return (TODAY - timedelta(days=days)).isoformat()
