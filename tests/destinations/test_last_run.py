"""A pipeline name that is used from another folder or into another database is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source import chatislav, sync
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.errors import ConfigurationError
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago

NAME = "chatislav_sync"
MOVED = "was last run"


@pytest.fixture
def given() -> Iterator[dict[str, Any]]:
    """The arguments of a sync of one day of analytics."""
    world = World.generate((101,), conversations=2, days=1, last_day=TODAY, messages=1)
    with Sandbox(world) as api:
        yield {
            "bot_ids": [101],
            "start_date": days_ago(0),
            "api_key": SANDBOX_KEY,
            "base_url": api.base_url,
        }


def of_command_line(database: str) -> dlt.Pipeline:
    """The pipeline of `chatislav sync --database`."""
    return PipelineConfig("duckdb", Path(database), "chatislav", NAME, None).pipeline()


def of_python(database: str | None = None) -> dlt.Pipeline:
    """The pipeline that a script makes."""
    destination = dlt.destinations.duckdb(database) if database else "duckdb"
    return dlt.pipeline(NAME, destination=destination, dataset_name="chatislav")


def load(pipeline: dlt.Pipeline, given: dict[str, Any]) -> None:
    """Sync analytics."""
    assert sync(pipeline, resources=["analytics"], **given).complete


def plain_run(pipeline: dlt.Pipeline, given: dict[str, Any]) -> None:
    """Load analytics by `pipeline.run`."""
    pipeline.run(chatislav(**given).with_resources("analytics"))


def test_another_database_or_another_folder_is_told_once(
    given: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first, second = (str(folder / "warehouse.duckdb") for folder in (tmp_path, other))
    load(of_command_line("warehouse.duckdb"), given)
    load(of_command_line(first), given)
    assert MOVED not in caplog.text
    monkeypatch.chdir(other)

    load(of_command_line("warehouse.duckdb"), given)

    (said,) = [line for line in caplog.messages if MOVED in line]
    for part in (first, second, f"the folder {tmp_path}.", f"the folder {other}.", "pipeline name"):
        assert part in said
    caplog.clear()

    load(of_command_line("warehouse.duckdb"), given)
    assert MOVED not in caplog.text
    monkeypatch.chdir(tmp_path)
    load(of_command_line(second), given)

    (said,) = [line for line in caplog.messages if MOVED in line]
    for part in (f"from {tmp_path},", f"the folder {other},", second, "two projects"):
        assert part in said


def test_a_plain_run_into_another_database_is_told(
    given: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (str(tmp_path / f"{name}.duckdb") for name in "ab")
    plain_run(of_python(first), given)
    assert MOVED not in caplog.text

    plain_run(of_python(second), given)

    (said,) = [line for line in caplog.messages if MOVED in line]
    assert first in said
    assert second in said


def test_python_finds_the_database_of_the_command_line_and_no_path_is_overlooked(
    given: dict[str, Any], tmp_path: Path
) -> None:
    load(of_command_line("data.duckdb"), given)

    assert dlt.attach(NAME).dataset().row_counts().fetchall() == [("analytics", 1)]
    load(of_python(), given)
    load(of_python("data.duckdb"), given)
    with pytest.raises(ConfigurationError, match=r"instead of the relative path other\.duckdb"):
        load(of_python("other.duckdb"), given)
    with pytest.raises(PipelineStepFailed, match=r"instead of the relative path other\.duckdb"):
        plain_run(of_python("other.duckdb"), given)
    assert [path.name for path in tmp_path.glob("*.duckdb")] == ["data.duckdb"]

    load(of_python(str(tmp_path / "other.duckdb")), given)

    attached = dlt.attach(NAME)
    with attached.sql_client() as client:
        assert client.credentials.database == str(tmp_path / "other.duckdb")
