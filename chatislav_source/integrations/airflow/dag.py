"""The DAG that loads Chatislav into a warehouse: a task for each bot, or month of a backfill."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronDataIntervalTimetable,
    Param,
    Variable,
    get_current_context,
    task,
)

from chatislav_source import TABLES
from chatislav_source.integrations.airflow.dlt_config import configure_dlt
from chatislav_source.integrations.airflow.provider import DEFAULT_CONNECTION
from chatislav_source.integrations.airflow.runs import days_to_read, months, wait_for_other_runs
from chatislav_source.integrations.airflow.settings import Settings
from chatislav_source.integrations.airflow.warehouse import asset_uri, configured_address

BOTS_VARIABLE = "chatislav_bot_ids"
RANGE = ("start_date", "end_date")

ABOUT = """A scheduled run loads what is new since the last one. A run by hand or by `airflow
backfill` reads its data interval again, or the days given when it is triggered, each month of a bot
as a task."""

logger = logging.getLogger(__name__)


def chatislav_dag(
    *,
    destination: str,
    bot_ids: Sequence[int] | None = None,
    dag_id: str = "chatislav",
    dataset: str = "chatislav",
    schedule: Any = "@daily",
    start_date: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    catchup: bool = False,
    retries: int = 5,
    retry_delay: timedelta = timedelta(minutes=1),
    max_retry_delay: timedelta = timedelta(minutes=30),
    pool: str = "default_pool",
    tasks_at_once: int = 4,
    requests_per_task: int = 2,
    turn: timedelta = timedelta(minutes=1),
    verify: bool = True,
    conn_id: str = DEFAULT_CONNECTION,
    secrets_variable: str = "dlt_secrets_toml",
    warehouse: str | None = None,
    pipelines_dir: str | None = None,
    **dag_arguments: Any,
) -> DAG:
    """A DAG that loads the bots, registered with Airflow for the file that calls this.

    Every argument that is not listed is one of Airflow's `DAG`, such as `default_args`.

    Args:
        destination: a dlt destination with concurrent writers, so not a DuckDB file.
        bot_ids: None: the JSON list in the variable `chatislav_bot_ids`, when a run starts.
        dag_id: also the beginning of the names of pipelines and assets.
        dataset: the schema that the tables are in.
        schedule: a cron expression in UTC, a timetable, or None.
        start_date: the first data interval begins here; it does not limit what is loaded.
        catchup: also make the runs of intervals that were missed. Not needed: the first run
            after a pause loads everything since the last run.
        retries: of every task; `retry_delay` is doubled each time, up to `max_retry_delay`.
        pool: the pool of the tasks that load.
        tasks_at_once: of all runs together; each has at most `requests_per_task` in flight.
        turn: about how long a task waits while a run of another type loads.
        verify: compare with the API's totals after a scheduled run.
        conn_id: the connection with the key; without such a connection dlt's config has it.
        secrets_variable: the variable with the warehouse, in the words of dlt's secrets.toml.
        warehouse: the beginning of the assets' URIs, such as postgres://host:5432/database. None:
            from dlt's config, which takes half a second each time that the file is parsed.
        pipelines_dir: the folder of the dlt pipelines. None: a temporary one for each task, as the
            state is restored from the destination.

    Raises:
        ValueError: `bot_ids` is empty.
    """
    if bot_ids is not None and not bot_ids:
        raise ValueError("There is no bot to load. Give the ids of your bots: bot_ids=[123, 456].")
    settings = Settings(
        dag_id=dag_id,
        destination=destination,
        dataset=dataset,
        conn_id=conn_id,
        secrets_variable=secrets_variable,
        pipelines_dir=pipelines_dir,
        requests_per_task=requests_per_task,
        turn=turn,
        verify=verify,
    )
    retrying: dict[str, Any] = {
        "retries": retries,
        "retry_delay": retry_delay,
        "retry_exponential_backoff": 2,
        "max_retry_delay": max_retry_delay,
    }
    with DAG(
        dag_id,
        schedule=timetable(schedule),
        start_date=start_date,
        catchup=catchup,
        max_active_runs=1,
        params={name: Param(None, type=["null", "string"], format="date") for name in RANGE},
        **{"tags": ["chatislav"], "doc_md": ABOUT} | dag_arguments,
    ) as dag:
        load = load_task(settings, assets_of(settings, warehouse)).override(
            pool=pool, max_active_tis_per_dag=tasks_at_once, **retrying
        )
        load.expand(
            bot_id=bots.override(**retrying)() if bot_ids is None else list(bot_ids),
            days=ranges.override(**retrying)(),
        )
    return dag


def timetable(schedule: Any) -> Any:
    """A cron expression as intervals of data, which Airflow's own default does not have."""
    if isinstance(schedule, str):
        return CronDataIntervalTimetable(schedule, timezone="UTC")
    return schedule


@task(task_id="bot_ids")
def bots() -> list[int]:
    """The bots of the variable."""
    found: list[int] = Variable.get(BOTS_VARIABLE, deserialize_json=True)
    return found


@task
def ranges(dag_run: Any, params: Any) -> list[list[str] | None]:
    """The months of a backfill, as first and last day; a single None for an incremental run."""
    days = days_to_read(dag_run, params)
    return [*months(*days)] if days else [None]


def load_task(settings: Settings, assets: dict[str, Asset]) -> Any:
    """The task that loads a bot into the tables, each an asset."""

    @task(outlets=[*assets.values()], map_index_template="{{ unit }}")
    def load(bot_id: int, days: list[str] | None, *, outlet_events: Any) -> dict[str, Any]:
        """Sync one bot, or backfill some days of it; returns a summary."""
        context = get_current_context()
        context["unit"] = " ".join(["bot", str(bot_id), *(days or [])])
        wait_for_other_runs(context["ti"], settings.turn)
        configure_dlt(settings.secrets_variable)
        from chatislav_source.integrations.airflow.load import load_bot  # imports dlt

        found = load_bot(settings, bot_id, days)
        for table, asset in assets.items():
            outlet_events[asset].extra = {"bot_id": bot_id, "rows": found["rows"][table]}
        logger.info("%s: %s", context["unit"], found)
        return found

    return load


def assets_of(settings: Settings, warehouse: str | None) -> dict[str, Asset]:
    """An asset per table, with a URI that lineage tools read where the address is known."""
    if warehouse is None:
        configure_dlt(settings.secrets_variable)
        warehouse = configured_address(settings.destination)
    assets = {}
    for table in TABLES:
        name = f"{settings.dag_id}_{table.name}"
        uri = asset_uri(warehouse, settings.dataset, table.name) if warehouse else name
        assets[table.name] = Asset(name=name, uri=uri, group="chatislav")
    return assets
