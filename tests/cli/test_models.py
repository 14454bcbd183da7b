"""The command `models` makes the views, `sync --models` keeps them, `export` reads them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from chatislav_source.sandbox import Sandbox
from tests.cli.process import run
from tests.conftest import days_ago

FOLDER = ("--pipelines-dir", "pipelines")
SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(3), *FOLDER)
DAILY = "SELECT sum(conversations) FROM chatislav_models.chatislav__daily"


def ask(folder: Path, query: str) -> list[tuple[object, ...]]:
    """The rows of a query on the file that the commands wrote."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        return connection.execute(query).fetchall()


def test_the_views_are_made_after_a_sync_and_again_after_an_upgrade(
    api: Sandbox, tmp_path: Path
) -> None:
    nothing = run("models", *FOLDER)
    assert nothing.returncode == 2
    assert "nothing is loaded yet" in nothing.stderr
    run(*SYNC, api=api)

    made = run("models", "--timezone", "Europe/Belgrade", *FOLDER)

    assert made.returncode == 0, made.stderr
    assert "✓ 12 models in chatislav_models, days in Europe/Belgrade:" in made.stdout
    assert "chatislav__reconciliation waits for the table reconciliation" in made.stdout
    assert ask(tmp_path, DAILY) == ask(tmp_path, "SELECT count(*) FROM chatislav.conversations")
    ask(tmp_path, "CREATE OR REPLACE VIEW chatislav_models.chatislav__daily AS SELECT 1 AS old")
    again = json.loads(run("models", "--json", *FOLDER).stdout)
    assert (again["schema"], again["timezone"]) == ("chatislav_models", "UTC")
    assert ask(tmp_path, DAILY) == ask(tmp_path, "SELECT count(*) FROM chatislav.conversations")


def test_a_sync_keeps_the_views_there_and_fails_if_it_cannot(api: Sandbox, tmp_path: Path) -> None:
    kept = run(*SYNC, "--models", "--json", api=api)

    assert "chatislav__daily" in json.loads(kept.stdout)["models"]["made"]
    exported = run("export", "--model", "daily", "--out", "daily.csv", *FOLDER)
    assert exported.returncode == 0, exported.stderr
    (rows,) = ask(tmp_path, "SELECT count(*) FROM chatislav_models.chatislav__daily")
    assert f"✓ {rows[0]} rows of daily are in daily.csv." in exported.stdout
    assert ask(tmp_path, "SELECT sum(conversations) FROM 'daily.csv'") == ask(tmp_path, DAILY)
    unknown = run("export", "--model", "none", "--out", "none.csv", *FOLDER)
    assert (unknown.returncode, Path("none.csv").exists()) == (2, False)
    assert "There is no model 'none'. There are: analytics, contact_days," in unknown.stderr
    ask(tmp_path, "DROP VIEW chatislav_models.chatislav__hours")
    missing = run("export", "--model", "hours", "--out", "hours.csv", *FOLDER)
    assert "`chatislav models` makes it" in missing.stderr
    ask(tmp_path, "CREATE TABLE chatislav_models.chatislav__hours AS SELECT 1 AS mine")
    failed = run(*SYNC, "--models", "--json", api=api)
    assert failed.returncode == 1
    document = json.loads(failed.stdout)
    assert document["complete"] is True
    assert "could not all be made" in document["models"]["error"]
