"""The definitions in a real Dagster: in process, by a backfill and by the daemon's schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from chatislav_source.records.schema import TABLES
from chatislav_source.sandbox import Sandbox, World

from .conftest import BOTS, require
from .dagster import COMPONENT, Dagster, DagsterApi
from .documented import blocks, commands
from .environments import DAGSTER
from .loaded import TODAY, RowDigests
from .polling import until

pytestmark = pytest.mark.timeout(600)

FIRST_DAY = TODAY - timedelta(days=90)  # what a first run begins with
SCHEDULE = "chatislav_schedule"
NO_BOTS = "There is no bot to load. List the ids of your bots, as in bot_ids: [123, 456]."
LISTED_TWICE = "Each bot may be listed once, as it is a partition; listed twice: 101."


@pytest.fixture
def dagster(tmp_path: Path, api: Sandbox) -> Dagster:
    """Dagster with the definitions, where nothing was run yet."""
    require(DAGSTER)
    installed = Dagster(tmp_path, api.base_url, BOTS)
    installed.prepare()
    return installed


@pytest.fixture
def services(dagster: Dagster) -> Iterator[DagsterApi]:
    """The running services."""
    with dagster.services() as found:
        yield found


def test_the_definitions_are_valid(dagster: Dagster) -> None:
    done = dagster.run("dagster", "definitions", "validate", "-f", str(dagster.definitions))

    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout


def test_assets_say_what_their_tables_and_columns_mean(dagster: Dagster) -> None:
    described = dagster.in_process()

    assert described["assets"] == {
        table.name: {
            "description": table.description,
            "columns": {column.name: column.description for column in table.columns},
            "freshness": True,
        }
        for table in TABLES
    }
    assert described["refused"] == [
        ["bot_ids: Value error, " + NO_BOTS],
        ["bot_ids: Value error, " + LISTED_TWICE],
        ["first_day: Value error, Invalid isoformat string: 'June'"],
    ]
    assert described["schedules"] == {"as documented": "STOPPED", "running": "RUNNING"}


def test_the_partition_of_today_loads_all_that_is_new(
    dagster: Dagster, api: Sandbox, world: World
) -> None:
    loaded = RowDigests(dagster.database)

    first = dagster.in_process(101, TODAY)

    assert first["success"]
    assert loaded.wrong(world, [101], FIRST_DAY) == []
    assert first["metadata"]["conversations"]["rows_loaded"] == len(world.conversations(101))
    assert "last_activity" in first["metadata"]["conversations"]["dagster/column_schema"]
    assert first["metadata"]["analytics"]["dagster/partition_row_count"] == 91
    assert first["checks"] == [True]

    world.add_message(101, world.conversations(101)[-1]["sessionId"])
    api.reset_counts()
    second = dagster.in_process(101, TODAY)

    assert second["success"]
    assert loaded.wrong(world, [101], FIRST_DAY) == []
    assert api.count() < 20


def test_three_lines_of_yaml_are_scaffolded_checked_and_launched_by_dg(
    dagster: Dagster, world: World
) -> None:
    project = dagster.project()
    day = TODAY - timedelta(days=5)

    def dg(*arguments: str) -> str:
        done = dagster.run("dg", *arguments, folder=project)
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return done.stdout

    assert "scaffold" in dg("--help")  # an incompatible typer leaves the commands out
    scaffold, check, launch, *_ = commands("Dagster", "dg")
    dg(*scaffold)
    yaml = project / "src/warehouse/defs/chatislav/defs.yaml"
    assert f"# defs/chatislav/defs.yaml, as dg scaffold writes it\n{yaml.read_text()}" in blocks(
        "Dagster", "yaml"
    )
    text = yaml.read_text().replace("- 123", "- 101").replace("- 456", "- 102")
    yaml.write_text(text.replace("postgres", "duckdb"))

    assert "All definitions loaded successfully" in dg(*check)
    assert launch[-1].startswith("123|")
    dg(*launch[:-1], f"102|{day}")

    # an earlier partition reads its day only
    assert RowDigests(dagster.database).wrong(world, [102], day, day) == []


def test_wrong_yaml_is_told_with_its_line(dagster: Dagster) -> None:
    project = dagster.project()
    folder = project / "src/warehouse/defs/chatislav"
    folder.mkdir()
    (folder / "defs.yaml").write_text(f"type: {COMPONENT}\nattributes:\n  bots: [101]\n")

    done = dagster.run("dg", "check", "yaml", folder=project)

    assert done.returncode == 1
    assert "defs.yaml:2" in done.stdout
    assert "'bot_ids' is a required property" in done.stdout
    assert "'destination' is a required property" in done.stdout
    assert "('bots' was unexpected)" in done.stdout


def test_a_bot_that_fails_is_tried_again_and_its_run_fails(dagster: Dagster, api: Sandbox) -> None:
    api.settings.bot_status = {103: 404}
    try:
        failed = dagster.in_process(103, TODAY)
    finally:
        api.settings.bot_status = {}

    assert not failed["success"]
    assert failed["tries"] > 1


def test_the_run_after_one_that_was_killed_ends_exact(
    dagster: Dagster, api: Sandbox, world: World
) -> None:
    api.reset_counts()
    api.settings.latency_seconds = 0.3
    try:
        with dagster.started(103, TODAY) as killed:
            until(lambda: api.count("/analytics", 103) > 20, "the run is in the middle")
            killed.kill()
    finally:
        api.settings.latency_seconds = 0.0

    assert dagster.in_process(103, TODAY)["success"]

    assert RowDigests(dagster.database).wrong(world, [103], FIRST_DAY) == []


def test_the_check_tells_days_that_do_not_agree_with_the_analytics(dagster: Dagster) -> None:
    assert dagster.in_process(102, TODAY)["checks"] == [True]
    with duckdb.connect(str(dagster.database)) as connection:
        connection.execute(
            "UPDATE chatislav.analytics SET conversations__total = 1000 WHERE date = ?",
            [TODAY - timedelta(days=10)],
        )

    assert dagster.in_process(102, TODAY)["checks"] == [False]


def test_the_daemon_runs_a_schedule_that_nobody_started_and_a_backfill_in_turn(
    dagster: Dagster, services: DagsterApi, world: World
) -> None:
    days = [str(TODAY - timedelta(days=n)) for n in (15, 16, 17)]

    backfill = services.backfill([f"{bot}|{day}" for bot in (101, 102) for day in days])
    until(
        lambda: len(services.runs_of("dagster/schedule_name", SCHEDULE)) >= len(BOTS),
        "it is scheduled for each bot",
    )
    services.stop_schedule(SCHEDULE)
    until(
        lambda: len(services.runs_of("dagster/backfill", backfill)) == 2,
        "the days of a bot are one run",
    )
    services.wait_for_all()
    backfilled = services.runs_of("dagster/backfill", backfill)
    scheduled = services.runs_of("dagster/schedule_name", SCHEDULE)

    assert {run["status"] for run in [*backfilled, *scheduled]} == {"SUCCESS"}
    assert {run["tags"]["dagster/partition/bot"] for run in scheduled} == {"101", "102", "103"}
    assert RowDigests(dagster.database).wrong(world, BOTS, FIRST_DAY) == []
