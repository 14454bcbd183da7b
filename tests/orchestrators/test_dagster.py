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
from .dagster import Dagster, DagsterApi
from .environments import DAGSTER
from .loaded import TODAY, RowDigests
from .polling import until

pytestmark = pytest.mark.timeout(600)

FIRST_DAY = TODAY - timedelta(days=90)  # what a first run begins with


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

    assert described == {
        table.name: {
            "description": table.description,
            "columns": {column.name: column.description for column in table.columns},
            "freshness": True,
        }
        for table in TABLES
    }


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


def test_an_earlier_partition_reads_its_day_only(dagster: Dagster, world: World) -> None:
    day = TODAY - timedelta(days=5)

    assert dagster.in_process(102, day)["success"]

    assert RowDigests(dagster.database).wrong(world, [102], day, day) == []


def test_a_bot_that_fails_is_tried_again_and_its_run_fails(dagster: Dagster, api: Sandbox) -> None:
    api.settings.bot_status = {103: 404}
    try:
        failed = dagster.in_process(103, TODAY)
    finally:
        api.settings.bot_status = {}

    assert not failed["success"]
    assert failed["tries"] > 1


def test_the_check_tells_days_that_do_not_agree_with_the_analytics(dagster: Dagster) -> None:
    assert dagster.in_process(102, TODAY)["checks"] == [True]
    with duckdb.connect(str(dagster.database)) as connection:
        connection.execute(
            "UPDATE chatislav.analytics SET conversations__total = 1000 WHERE date = ?",
            [TODAY - timedelta(days=10)],
        )

    assert dagster.in_process(102, TODAY)["checks"] == [False]


def test_the_daemon_runs_a_schedule_and_a_backfill_one_after_the_other(
    dagster: Dagster, services: DagsterApi, world: World
) -> None:
    days = [str(TODAY - timedelta(days=n)) for n in (15, 16, 17)]

    with services.schedule("what_is_new"):
        backfill = services.backfill([f"{bot}|{day}" for bot in (101, 102) for day in days])
        until(
            lambda: len(services.runs_of("dagster/schedule_name", "what_is_new")) >= len(BOTS),
            "it is scheduled for each bot",
        )
    until(
        lambda: len(services.runs_of("dagster/backfill", backfill)) == 2,
        "the days of a bot are one run",
    )
    services.wait_for_all()
    backfilled = services.runs_of("dagster/backfill", backfill)
    scheduled = services.runs_of("dagster/schedule_name", "what_is_new")

    assert {run["status"] for run in [*backfilled, *scheduled]} == {"SUCCESS"}
    assert {run["tags"]["dagster/partition/bot"] for run in scheduled} == {"101", "102", "103"}
    assert RowDigests(dagster.database).wrong(world, BOTS, FIRST_DAY) == []
