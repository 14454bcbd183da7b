"""`status` only looks: it needs no lock, and answers while the file is held."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from chatislav_source.sandbox import Sandbox
from tests.cli.process import run, start
from tests.cli.test_diagnosis import HOLDER
from tests.conftest import days_ago
from tests.soon import soon

SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(9), "--pipelines-dir", "pipelines")
STATUS = ("status", "--json", "--pipelines-dir", "pipelines")


def tree(folder: Path) -> dict[str, int]:
    """Every file of a folder with its time of change."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_it_changes_neither_the_database_nor_the_folder_of_the_pipeline(
    api: Sandbox, tmp_path: Path
) -> None:
    run(*SYNC, api=api)
    before = tree(tmp_path)

    ended = run(*STATUS)

    assert json.loads(ended.stdout)[0]["bot_id"] == 101
    # dlt looks for the file of its settings, in a folder of its own
    changed = dict(tree(tmp_path).items() ^ before.items())
    assert [path for path in changed if "/dlt/" not in path] == []


def test_it_answers_while_another_program_holds_the_file(api: Sandbox, tmp_path: Path) -> None:
    run(*SYNC, api=api)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT count(*) FROM chatislav.conversations").fetchone()
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "warehouse.duckdb")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()

        ended = run(*STATUS)

        holder.communicate("\n")
    assert (json.loads(ended.stdout)[0]["conversations"],) == rows


def test_it_answers_during_a_sync_and_does_not_disturb_it(api: Sandbox) -> None:
    run(*SYNC, api=api)
    api.settings.latency_seconds = 8
    api.reset_counts()

    with start(*SYNC, "--json", api=api) as sync:
        soon(lambda: api.count() > 0)
        api.settings.latency_seconds = 0
        during = run(*STATUS)
        is_under_way = sync.poll() is None
        out, _ = sync.communicate(timeout=60)

    assert [bot["bot_id"] for bot in json.loads(during.stdout)] == [101]
    assert is_under_way
    assert sync.returncode == 0
    assert json.loads(out)["complete"]


def test_it_is_not_behind_right_after_a_complete_sync(api: Sandbox) -> None:
    run(*SYNC, api=api)

    (bot,) = json.loads(run(*STATUS).stdout)

    assert 0 <= bot["behind_seconds"] < 60


@pytest.mark.parametrize(("max_age", "status"), [("1 d", 0), ("0s", 1), ("soon", 2)])
def test_max_age_is_red_if_a_bot_is_older(api: Sandbox, max_age: str, status: int) -> None:
    run(*SYNC, api=api)

    ended = run(*STATUS, f"--max-age={max_age}")

    if status == 1:
        assert "Bot 101 is" in ended.stderr
    assert ended.returncode == status


@pytest.mark.parametrize("is_file", [False, True])
def test_max_age_is_red_where_nothing_was_ever_loaded(is_file: bool, tmp_path: Path) -> None:
    if is_file:
        duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()

    ended = run(*STATUS, "--max-age", "2h")

    assert ended.returncode == 1
    assert "Nothing was ever loaded" in ended.stderr
    assert json.loads(ended.stdout) == []


def test_max_age_is_red_for_a_bot_that_was_never_complete(api: Sandbox) -> None:
    api.settings.bot_status = {102: 404}
    run(*SYNC, "--bot-id", "102", api=api)

    ended = run("status", "-q", "--pipelines-dir", "pipelines", "--max-age", "1h")

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Bot 102 was never loaded completely" in ended.stderr


def test_records_that_could_not_be_loaded_are_shown_and_are_no_failure(api: Sandbox) -> None:
    session_id = api.world.add_conversation(101)
    api.configure(bad_records={session_id: "no_id"})
    text = "1 record could not be loaded, and is in the table rejected (1: it has no sessionId)"

    summary = run(*SYNC, api=api)
    as_json = run(*SYNC, "--json", api=api)
    status = run("status", "--pipelines-dir", "pipelines")

    assert (summary.returncode, as_json.returncode) == (0, 0)
    assert f"Bot 101: {text}" in summary.stdout
    report = json.loads(as_json.stdout)
    assert report["complete"]
    counts = {part["resource"]: part["rejected"] for part in report["resources"]}
    assert counts == {"conversations": 1, "analytics": 0}
    assert [text in warning for warning in report["warnings"]] == [True]
    assert "bot 101: records that could not be loaded: 1; see the table rejected" in status.stdout
    assert json.loads(run(*STATUS).stdout)[0]["rejected"] == 1


def test_bots_of_every_pipeline_into_the_dataset_are_shown(api: Sandbox) -> None:
    run(*SYNC, api=api)
    run("sync", "--bot-id", "102", "--pipeline-name", "other", "--start-date", days_ago(9), api=api)

    shown = json.loads(run("status", "--json").stdout)
    text = run("status").stdout

    assert {bot["bot_id"]: bot["pipeline"] for bot in shown} == {
        101: "chatislav_sync",
        102: "other",
    }
    assert all(bot["loaded_up_to"] for bot in shown)
    assert "other" in text


def test_a_backfill_of_another_pipeline_does_not_hide_the_sync(api: Sandbox) -> None:
    run(*SYNC, api=api)
    days = ("--start-date", days_ago(5), "--end-date", days_ago(4))
    filled = run("backfill", "--bot-id", "101", *days, "--pipeline-name", "a_backfill", api=api)

    (bot,) = json.loads(run("status", "--json").stdout)

    assert filled.returncode == 0, filled.stderr
    assert bot["pipeline"] == "chatislav_sync"
    assert bot["loaded_up_to"]


def test_of_a_pipeline_that_loaded_nothing_the_others_are_named(api: Sandbox) -> None:
    run(*SYNC, api=api)

    ended = run("status", "--pipeline-name", "nonesuch")
    alarmed = run("status", "--pipeline-name", "nonesuch", "--max-age", "2h")

    assert "Those that have: chatislav_sync" in " ".join(ended.stdout.split())
    assert ended.returncode == 0
    assert "Those that have: chatislav_sync" in " ".join(alarmed.stderr.split())
    assert alarmed.returncode == 1


def test_a_bot_that_is_asked_for_must_have_been_loaded(api: Sandbox) -> None:
    run(*SYNC, api=api)

    shown = run("status", "--bot-id", "101", "--max-age", "2h")
    missed = run("status", "--bot-id", "101", "--bot-id", "104", "--max-age", "2h")

    assert shown.returncode == 0
    assert missed.returncode == 1
    assert "Bot 104 was never loaded" in missed.stderr
