"""The command as cron, systemd or Kubernetes run it: a process and its exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from .loaded import TODAY, RowDigests
from .polling import until

BOT = 101


@pytest.fixture
def arguments(tmp_path: Path, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line of one bot into a DuckDB file; the key is in the environment."""
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__CHATISLAV__BASE_URL", api.base_url)
    command = [
        sys.executable,
        "-c",
        "from chatislav_source.cli.commands import main; main()",
        "sync",
    ]
    command += ["--bot-id", str(BOT), "--database", str(tmp_path / "warehouse.duckdb"), "--json"]
    return [*command, "--pipelines-dir", str(tmp_path / "pipelines")]


@pytest.fixture
def slow_api(api: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, so slow that a sync takes a while."""
    api.settings.latency_seconds = 0.3
    yield api
    api.settings.latency_seconds = 0.0


@pytest.mark.slow
def test_without_its_disk_a_run_goes_on_from_the_state_in_the_destination(
    arguments: list[str], tmp_path: Path, api: Sandbox, world: World
) -> None:
    subprocess.run(arguments, check=True, capture_output=True)
    shutil.rmtree(tmp_path / "pipelines")
    world.add_message(BOT, world.conversations(BOT)[-1]["sessionId"])
    api.reset_counts()

    done = subprocess.run(arguments, check=True, capture_output=True)

    report = json.loads(done.stdout)
    assert report["complete"]
    assert api.count() < 20  # not the 90 days of a first run
    loaded = RowDigests(tmp_path / "warehouse.duckdb")
    assert loaded.wrong(world, [BOT], TODAY - timedelta(days=90)) == []


@pytest.mark.slow
def test_a_run_ends_at_once_with_an_error_if_another_one_runs(
    arguments: list[str], tmp_path: Path, slow_api: Sandbox
) -> None:
    slow_api.reset_counts()
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as first:
        until(lambda: slow_api.count() > 2, "the first run reads")

        elsewhere = [*arguments, "--database", str(tmp_path / "other.duckdb")]
        second = subprocess.run(elsewhere, check=False, capture_output=True, text=True)

        slow_api.settings.latency_seconds = 0.0
        assert first.wait(60) == 0
    assert second.returncode == 75
    assert "is being run by another process" in " ".join(second.stderr.split())
    assert json.loads(second.stdout)["error"]["kind"] == "PipelineLockedError"
