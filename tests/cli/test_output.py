"""Output in every encoding and width, progress, and the options for more and less of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatislav_source.cli.terminal.progress import (
    SECONDS_PER_LINE,
    LogLines,
    SyncProgress,
    days_left,
)
from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.sandbox import Sandbox
from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.date_window import DateWindow
from tests.cli.process import run
from tests.conftest import days_ago
from tests.default_suite import mostly_slow

SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(9))


@pytest.mark.parametrize(
    "env",
    mostly_slow(
        [
            {"PYTHONIOENCODING": "cp1252"},
            {"PYTHONIOENCODING": "ascii"},
            {
                "LC_ALL": "C",
                "PYTHONUTF8": "0",
                "PYTHONCOERCECLOCALE": "0",
                "PYTHONIOENCODING": None,
            },
        ],
        {"PYTHONIOENCODING": "ascii"},
    ),
)
@pytest.mark.parametrize("words", mostly_slow([(SYNC,), ((*SYNC, "--json"),)], (SYNC,)))
def test_a_sync_ends_well_in_every_encoding(
    api: Sandbox, env: dict[str, str | None], words: tuple[str, ...]
) -> None:
    ended = run(*words, api=api, env=env, encoding="cp1252")

    assert (ended.returncode, ended.stderr) == (0, "")
    if "--json" in words:
        assert json.loads(ended.stdout)["complete"]
    else:
        assert "+ Everything is loaded" in ended.stdout or "✓" in ended.stdout
        assert "Chatislav -> duckdb" in ended.stdout


@pytest.mark.slow
def test_a_demo_in_ascii_shows_what_it_can() -> None:
    ended = run("demo", "--conversations", "5", env={"PYTHONIOENCODING": "ascii"})

    assert ended.returncode == 0
    assert ended.stdout.count("+ Everything is loaded") == 2


def test_at_60_columns_nothing_is_cut(api: Sandbox) -> None:
    ended = run(*SYNC, api=api, env={"COLUMNS": "60"})

    assert "…" not in ended.stdout
    names = [line.split("  ")[0] for line in ended.stdout.splitlines()]
    assert {"bot", "conversations", "messages", "analytics days", "range"} <= set(names)


def test_quiet_prints_nothing_about_a_good_sync_and_the_errors_of_a_bad_one(api: Sandbox) -> None:
    good = run(*SYNC, "-q", api=api)
    api.settings.bot_status = {102: 404}
    bad = run(*SYNC, "-q", "--bot-id", "102", api=api)

    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert {line[:9] for line in bad.stderr.splitlines()} == {"✗ bot 102"}


def test_verbose_logs_each_page_and_load(api: Sandbox) -> None:
    ended = run(*SYNC, "-v", api=api)

    assert f"bot 101, {days_ago(0)}" in ended.stderr
    assert ended.stderr.splitlines()[-1].endswith(", loading")


def test_a_failed_load_is_one_warning_and_one_error(api: Sandbox, tmp_path: Path) -> None:
    run(*SYNC, api=api)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "ALTER TABLE chatislav.conversations RENAME COLUMN company_id TO company"
        )
    api.world.add_message(101, str(api.world.conversations(101)[-1]["sessionId"]))

    ended = run(*SYNC, api=api)

    lines = [line for line in ended.stderr.splitlines() if " INFO " not in line]
    assert ended.returncode == 1
    assert len(lines) == 2
    assert "A load failed and is tried again: table conversations" in lines[0]
    assert lines[1].startswith("Error: The load step failed (table conversations")


def test_a_shell_can_complete_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CHATISLAV_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("COMP_WORDS", "chatislav sync --max")
    command = Path(sys.executable).with_name("chatislav")

    ended = subprocess.run([command], capture_output=True, text=True, check=True)

    assert ended.stdout == "plain,--max-concurrency\n"


def test_the_help_of_the_sandbox_lists_every_switch(api: Sandbox) -> None:
    shown = run("sandbox", "--help").stdout

    assert [name for name in api.settings.as_dict() if f"\n  {name} " not in shown] == []
    assert "Seconds in the Retry-After header." in " ".join(shown.split())


def page(window: str, todo: list[str], opened: list[str]) -> ExtractedPage[Any, Any]:
    """A page of conversations, with the checkpoint after it."""
    request = PageRequest(101, DateWindow.parse(window), None, 100)
    progress = {"todo": todo, "open": [{"window": each} for each in opened]}
    return ExtractedPage(101, request, None, {"progress": progress, "backfill": None})


def test_the_progress_has_bot_day_share_and_whether_it_is_loading() -> None:
    shown: list[str] = []
    progress = SyncProgress(1, shown.append)

    with progress("Extract chatislav"):
        progress.on_page(
            "conversations", page("2026-06-10/2026-06-10", ["2026-06-01/2026-06-09"], [])
        )
        progress.on_page(
            "conversations", page("2026-06-05/2026-06-09", ["2026-06-01/2026-06-05"], [])
        )
    with progress("Load chatislav in 1"):
        pass

    assert shown == [
        "connecting",
        "10 %, bot 101, 2026-06-10: 0 conversations, 0 days",
        "50 %, bot 101, 2026-06-05: 0 conversations, 0 days",
        "50 %, bot 101, 2026-06-05: 0 conversations, 0 days, loading",
    ]


def test_the_days_left_are_those_begun_and_not_begun() -> None:
    state = page("2026-06-10/..", ["2026-06-01/2026-06-02"], ["2026-06-05/2026-06-09"]).checkpoint

    assert days_left(state) == 2 + 5
    assert days_left({"progress": None}) == 0


def test_the_log_has_a_line_from_time_to_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "chatislav_source")
    times = iter([0.0, 1.0, SECONDS_PER_LINE, SECONDS_PER_LINE + 1, 2 * SECONDS_PER_LINE + 1])

    with LogLines(clock=lambda: next(times)) as show:
        for number in range(4):
            show(f"{number}")

    assert caplog.messages == ["1", "3"]
