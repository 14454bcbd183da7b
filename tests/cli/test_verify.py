"""`verify` on the command line: the story of docs/verify.md, its exit status and its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from chatislav_source.proof.tables import DEFINED, RECONCILED
from chatislav_source.records.schema import Table
from chatislav_source.sandbox import Sandbox, World
from tests.cli.process import run
from tests.conftest import TODAY, days_ago

PAGE = (Path(__file__).parents[2] / "docs/verify.md").read_text("utf-8")
PLACE = ("--pipelines-dir", "pipelines")
SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(26), *PLACE)
WIDTH: dict[str, str | None] = {"COLUMNS": "100", "PYTHONUTF8": "1"}  # of a new process
CHOSEN = """
    SELECT session_id FROM chatislav.conversations
    WHERE last_activity::DATE = ? AND resolution_status = 'resolved' AND NOT human_takeover
        AND feedback_comment IS NULL ORDER BY session_id LIMIT 3
"""


@pytest.fixture
def api() -> Iterator[Sandbox]:
    """A bot with 25 conversations a day, counted by the day of their last activity."""
    world = World.generate((101,), conversations=25 * 25, days=25, last_day=TODAY, messages=4)
    with Sandbox(world) as sandbox:
        sandbox.configure(analytics_date="activity")
        yield sandbox


def shape(text: str) -> list[str]:
    """The lines without numbers and widths."""
    lines = [re.sub(r"[\d-]+", "#", re.sub(" +", " ", line.strip())) for line in text.splitlines()]
    return [line for line in lines if line]


def told(command: str) -> list[str]:
    """The shape of what the page says that a command prints."""
    (block,) = re.findall(rf"```text\n\$ {re.escape(command)}\n(.*?)```", PAGE, re.DOTALL)
    return shape(block)


def lose_three(database: Path) -> None:
    """Delete three conversations of one day and their messages."""
    with duckdb.connect(str(database)) as connection:
        lost = connection.execute(CHOSEN, [TODAY - timedelta(days=11)]).fetchall()
        assert len(lost) == 3
        for table in ("conversations", "conversations__messages"):
            connection.executemany(f"DELETE FROM chatislav.{table} WHERE session_id = ?", lost)


@pytest.mark.slow
def test_a_day_that_was_wrong_is_found_and_healed_as_the_page_says(
    api: Sandbox, tmp_path: Path
) -> None:
    synced = run(*SYNC, "--verify", api=api)
    sound = run("verify", *PLACE)
    lose_three(tmp_path / "warehouse.duckdb")
    wrong = run("verify", *PLACE, env=WIDTH)
    healed = run("verify", "--heal", "--bot-id", "101", *PLACE, api=api, env=WIDTH)
    status = run("status", *PLACE)

    assert (synced.returncode, sound.returncode) == (0, 0), synced.stderr + sound.stderr
    assert "✓ Yesterday is complete and true: " in synced.stdout
    assert (wrong.returncode, shape(wrong.stdout)) == (1, told("chatislav verify"))
    heal = "chatislav verify --heal --bot-id 101"
    assert (healed.returncode, shape(healed.stdout)) == (0, told(heal)), healed.stderr
    assert "days by the last `chatislav verify`: 19 equal, 7 settling" in status.stdout


def test_too_little_data_ends_with_1_and_the_json_says_so(api: Sandbox) -> None:
    assert (
        run("sync", "--bot-id", "101", "--start-date", days_ago(9), *PLACE, api=api).returncode == 0
    )

    ended = run("verify", "--json", "--days", "5", *PLACE)

    result = json.loads(ended.stdout)
    (bot,) = result["bots"]
    assert (ended.returncode, result["is_true"], bot["differs"]) == (1, False, 0)
    assert {row["verdict"] for row in bot["definitions"]} == {"unproven"}


def test_healing_without_bots_is_of_those_that_are_loaded_and_says_what_is_missing(
    api: Sandbox,
) -> None:
    run("sync", "--bot-id", "101", "--start-date", days_ago(9), *PLACE, api=api)

    ended = run("verify", "--heal", "--days", "5", *PLACE, api=api)

    assert ended.returncode == 1, ended.stderr
    assert "5 conversations or more, 14 are needed" in ended.stdout


@pytest.mark.parametrize("words", [("--days", "0"), ("--days", "x"), ("--database", "no.duckdb")])
def test_wrong_use_ends_with_2(words: tuple[str, ...]) -> None:
    assert run("verify", *PLACE, *words).returncode == 2


@pytest.mark.parametrize("table", [RECONCILED, DEFINED], ids=lambda table: table.name)
def test_the_page_has_every_column_with_type_and_meaning(table: Table) -> None:
    text = PAGE.split(f"`{table.name}`, primary key ")[1]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", text.split("\n`")[0], re.MULTILINE)

    assert rows == [(column.name, column.data_type, column.description) for column in table.columns]
