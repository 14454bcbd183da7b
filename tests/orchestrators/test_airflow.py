"""The DAG in a real Airflow: scheduled, triggered, backfilled, with a failing bot, and killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.records.schema import TABLES as RECORDS
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from .airflow import DAG_FILE, Airflow, AirflowApi
from .conftest import BOTS, require
from .documented import blocks, commands
from .environments import AIRFLOW
from .loaded import TODAY, RowDigests
from .polling import until

pytestmark = pytest.mark.timeout(600)

FIRST_DAY = TODAY - timedelta(days=90)  # what a first sync begins with
TABLES = ("chatislav_analytics", "chatislav_conversations", "chatislav_conversations__messages")


@pytest.fixture(scope="module")
def airflow(home: Path, postgres_url: str) -> Airflow:
    """Airflow with the DAG in it, not running yet."""
    require(AIRFLOW)
    metadata = postgres_url.replace("postgresql", "postgresql+psycopg2", 1) + "_airflow"
    RowDigests(postgres_url).execute("CREATE DATABASE postgres_airflow")
    installed = Airflow(home, metadata, warehouse=postgres_url)
    installed.prepare()
    return installed


@pytest.fixture(scope="module")
def services(airflow: Airflow, api: Sandbox) -> Iterator[AirflowApi]:
    """The running services, configured with the address of the API."""
    with airflow.services() as found:
        found.connect(api.base_url, SANDBOX_KEY)
        found.load_bots(*BOTS)
        found.unpause()
        yield found


@pytest.fixture
def loaded(postgres_url: str) -> RowDigests:
    """The tables in Postgres."""
    return RowDigests(postgres_url)


@pytest.fixture
def new_bot(world: World) -> int:
    """A bot that no other test loads."""
    bot = max(world.bots) + 1
    generated = World.generate(bot_ids=(bot,), conversations=60, days=40, last_day=TODAY, seed=bot)
    with world.lock:
        world.bots |= generated.bots
    return bot


def test_one_line_is_a_dag_file_and_dags_test_reads_the_data_interval_of_its_date(
    airflow: Airflow,
    api: Sandbox,
    world: World,
    loaded: RowDigests,
    new_bot: int,
    tmp_path: Path,
) -> None:
    day = TODAY - timedelta(days=5)
    text, _ = blocks("Airflow", "python")
    assert text.split("\n", 1)[1] in DAG_FILE.read_text()  # but for the comment
    (tmp_path / "one_line.py").write_text(text.replace("[123, 456]", f"[{new_bot}]"))

    said = airflow.command(
        *("dags", "test", "chatislav", str(day + timedelta(days=1))),
        AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path),
        # no connection: the key is in dlt's config
        SOURCES__CHATISLAV__API_KEY=SANDBOX_KEY,
        SOURCES__CHATISLAV__BASE_URL=api.base_url,
    )

    assert "state=success" in said
    assert loaded.wrong(world, [new_bot], day, day) == []


@pytest.fixture(scope="module")
def described(airflow: Airflow) -> dict[str, Any]:
    """What Airflow makes of the documented commands and DAG; the connection has two keys."""
    _, with_alert = blocks("Airflow", "python")
    keys = {"password": "chsk_one", "extra": {"secondary_api_key": "chsk_two"}}
    documented = commands("Airflow", "airflow")
    assert len(documented) > 5
    return dict(
        airflow.in_process(
            {"conn_type": "chatislav", **keys}, python=with_alert, commands=documented
        )
    )


def test_lineage_tools_read_the_assets_as_the_tables_of_the_warehouse(
    described: dict[str, Any], postgres_url: str
) -> None:
    server, database = postgres_url.removeprefix("postgresql://").rpartition("@")[2].split("/")
    assert described["assets"] == {
        f"chatislav_{table.name}": [
            f"postgres://{server}/{database}/chatislav/{table.name}",
            f"postgres://{server}",
            f"{database}.chatislav.{table.name}",
        ]
        for table in RECORDS
    }


def test_what_is_no_argument_of_ours_is_one_of_the_dag(described: dict[str, Any]) -> None:
    assert described["on_failure"] == "alert"


def test_every_task_is_tried_again(described: dict[str, Any]) -> None:
    tried_again = [5, "0:01:00"]
    assert described["retries"] == dict.fromkeys(("bot_ids", "ranges", "load"), tried_again)


def test_a_connection_holds_both_keys(described: dict[str, Any]) -> None:
    assert described["arguments"] == {"api_key": "chsk_one", "secondary_api_key": "chsk_two"}


def test_the_connection_has_a_form_with_only_what_the_api_needs(services: AirflowApi) -> None:
    form = services.form()

    fields = {name: field for name, field in form["standard_fields"].items() if field}
    assert {name for name, field in fields.items() if field["hidden"]} == {
        *("login", "port", "url_schema"),
    }
    assert (fields["password"]["title"], fields["host"]["title"]) == ("API key", "Base URL")
    assert form["extra_fields"]["secondary_api_key"]["schema"]["format"] == "password"


def test_the_first_scheduled_run_loads_every_bot_by_many_tasks_at_once(
    services: AirflowApi, world: World, loaded: RowDigests
) -> None:
    (run,) = services.runs("scheduled")

    assert services.wait_for(run) == "success"

    assert sorted(services.loads(run)) == ["bot 101", "bot 102", "bot 103"]
    assert loaded.wrong(world, BOTS, FIRST_DAY) == []
    staged = loaded.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%staging%'")
    assert {f"chatislav_staging_chatislav_{bot}" for bot in BOTS} <= {r["nspname"] for r in staged}


def test_a_run_shows_its_summary_and_updates_an_asset_per_table(
    services: AirflowApi, world: World
) -> None:
    (run,) = services.runs("scheduled")
    services.wait_for(run)

    summary = services.summary(run, map_index=0)

    assert summary["rows"]["conversations"] == len(world.conversations(BOTS[0]))
    assert 0 < summary["behind_seconds"] < 300  # from the start of the sync to its end
    assert summary["loaded_up_to"].startswith(str(TODAY)[:8])
    assert services.events(run) == sorted((table, bot) for table in TABLES for bot in BOTS)
    until(services.runs_downstream, "a DAG scheduled by the asset runs")


def test_the_next_run_reads_only_what_may_be_new(
    services: AirflowApi, api: Sandbox, world: World, loaded: RowDigests
) -> None:
    (first,) = services.runs("scheduled")
    services.wait_for(first)
    world.add_message(101, world.conversations(101)[-1]["sessionId"])
    world.add_conversation(102)
    api.reset_counts()

    run = services.trigger()

    assert services.wait_for(run) == "success"
    assert loaded.wrong(world, BOTS, FIRST_DAY) == []
    # conversations of a few days and the analytics that are not final, not of 90 days
    assert api.count() < 20 * len(BOTS)


def test_a_failing_bot_fails_its_task_only(
    services: AirflowApi, api: Sandbox, new_bot: int
) -> None:
    services.load_bots(103, new_bot)
    api.settings.bot_status = {new_bot: 404}
    try:
        run = services.trigger()
        assert services.wait_for(run) == "failed"
    finally:
        api.settings.bot_status = {}
        services.load_bots(*BOTS)

    states = {name: task["state"] for name, task in services.loads(run).items()}
    assert states == {"bot 103": "success", f"bot {new_bot}": "failed"}
    assert services.loads(run)[f"bot {new_bot}"]["try_number"] == 4


def test_the_retry_of_a_task_whose_worker_was_killed_ends_exact(
    services: AirflowApi, api: Sandbox, world: World, loaded: RowDigests, new_bot: int
) -> None:
    services.load_bots(new_bot)
    api.settings.latency_seconds = 0.5
    try:
        run = services.trigger()
        until(lambda: api.count("/analytics", new_bot) > 20, "the task is in the middle")
        (task,) = services.loads(run).values()
        kill_worker_of(task["pid"])
    finally:
        api.settings.latency_seconds = 0.0
        services.load_bots(*BOTS)

    assert services.wait_for(run) == "success"
    assert services.loads(run)[f"bot {new_bot}"]["try_number"] > 1
    assert loaded.wrong(world, [new_bot], FIRST_DAY) == []


def kill_worker_of(task: int) -> None:
    """Kill a task and its supervising worker together, as when a machine fails."""
    stat = Path(f"/proc/{task}/stat").read_text()
    worker = int(stat.rpartition(")")[2].split()[1])
    os.kill(worker, signal.SIGKILL)
    os.kill(task, signal.SIGKILL)


def test_backfills_by_hand_and_by_airflow_take_turns(
    services: AirflowApi,
    airflow: Airflow,
    api: Sandbox,
    world: World,
    loaded: RowDigests,
    new_bot: int,
) -> None:
    services.load_bots(new_bot)
    api.settings.latency_seconds = 5.0  # until one is seen to wait for the other
    first_day = TODAY - timedelta(days=35)
    try:
        run = services.trigger(start_date=str(first_day), end_date=str(TODAY))
        services.backfill(TODAY - timedelta(days=2))  # of yesterday is the scheduled run
        (own,) = until(lambda: services.runs("backfill"), "Airflow makes the run of its backfill")
        waits = "marking task as UP_FOR_RESCHEDULE"
        until(lambda: airflow.said_anywhere(waits), "one waits for the other")
        api.settings.latency_seconds = 0.0
        assert services.wait_for(run) == services.wait_for(own) == "success"
    finally:
        api.settings.latency_seconds = 0.0
        services.load_bots(*BOTS)

    assert len(services.loads(run)) == 2  # months
    assert loaded.wrong(world, [new_bot], first_day) == []


def test_the_key_is_in_no_log(services: AirflowApi, airflow: Airflow) -> None:
    (run,) = services.runs("scheduled")
    services.wait_for(run)

    assert airflow.said_anywhere("bot 101")
    assert airflow.said_anywhere(SANDBOX_KEY) == []
