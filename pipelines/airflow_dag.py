"""Load Chatislav into your warehouse with Airflow: copy this file to your dags.

A scheduled run loads what is new since the last one. A run by hand or by `airflow backfill` reads
its data interval again, or the days given when it is triggered, each month of a bot as a task.

The bots are the variable `chatislav_bot_ids`, as [123, 456]. The key is the password of the
connection `chatislav_default`, the base URL its host. Whatever else dlt must know, as how to reach
the warehouse, is in the variable `dlt_secrets_toml`, in the words of dlt's secrets.toml.
"""

import logging
import os
import random
import tomllib
from datetime import UTC, date, datetime, timedelta
from tempfile import TemporaryDirectory

from airflow.sdk import (
    Asset,
    Connection,
    CronDataIntervalTimetable,
    Param,
    TaskInstanceState,
    Variable,
    dag,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowRescheduleException,
)

SCHEDULE = "@daily"
DESTINATION = "postgres"  # any dlt destination with concurrent writers, so not a DuckDB file
DATASET = "chatislav"
TASKS_AT_ONCE = 4  # of all runs together ...
REQUESTS_PER_TASK = 2  # ... so the API never sees more than 8 requests in flight
RETRIES = 5
FIRST_RETRY = timedelta(minutes=1)  # doubled each time
TURN = timedelta(minutes=1)  # about; see `wait_for_other_runs`

CONVERSATIONS = Asset("chatislav_conversations")
MESSAGES = Asset("chatislav_conversations__messages")
ANALYTICS = Asset("chatislav_analytics")
RANGE = ("start_date", "end_date")

logger = logging.getLogger(__name__)


@dag(
    schedule=CronDataIntervalTimetable(SCHEDULE, timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # not needed: the first run after a pause loads everything since the last run
    max_active_runs=1,
    params={name: Param(None, type=["null", "string"], format="date") for name in RANGE},
    tags=["chatislav"],
    doc_md=__doc__,
)
def chatislav():
    @task
    def bot_ids() -> list[int]:
        return Variable.get("chatislav_bot_ids", deserialize_json=True)

    @task
    def ranges(dag_run, params) -> list[list[str] | None]:
        """The months of a backfill, as first and last day; a single None for an incremental run."""
        days = days_to_read(dag_run, params)
        return months(*days) if days else [None]

    @task(
        outlets=[CONVERSATIONS, MESSAGES, ANALYTICS],
        max_active_tis_per_dag=TASKS_AT_ONCE,
        retries=RETRIES,
        retry_delay=FIRST_RETRY,
        retry_exponential_backoff=2,
        max_retry_delay=timedelta(minutes=30),
        map_index_template="{{ unit }}",
    )
    def load(bot_id: int, days: list[str] | None, *, outlet_events) -> dict:
        """Sync one bot, or backfill some days of it; returns a summary."""
        context = get_current_context()
        context["unit"] = " ".join(["bot", str(bot_id), *(days or [])])
        wait_for_other_runs(context["ti"])
        report = run_sync(bot_id, days)
        if not report.complete:
            raise AirflowException("; ".join(report.errors))
        summary = summarized(report)
        for asset, rows in zip(
            (CONVERSATIONS, MESSAGES, ANALYTICS), summary["rows"].values(), strict=True
        ):
            outlet_events[asset].extra = {"bot_id": bot_id, "rows": rows}
        logger.info("%s: %s", context["unit"], summary)
        return summary

    load.expand(bot_id=bot_ids(), days=ranges())


def days_to_read(dag_run, params) -> tuple[date, date] | None:
    """First and last day of a backfill, both included; None for an incremental run."""
    if params["start_date"]:
        last_day = params["end_date"] or params["start_date"]
        return date.fromisoformat(params["start_date"]), date.fromisoformat(last_day)
    if dag_run.run_type not in ("manual", "backfill") or not dag_run.data_interval_start:
        return None
    last_moment = dag_run.data_interval_end - timedelta(microseconds=1)
    return dag_run.data_interval_start.date(), last_moment.date()


def months(first_day: date, last_day: date) -> list[list[str]]:
    """The range of days split by month; each part becomes one task."""
    parts = []
    while first_day <= last_day:
        next_month = (first_day.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = min(last_day, next_month - timedelta(days=1))
        parts.append([first_day.isoformat(), end.isoformat()])
        first_day = next_month
    return parts


def wait_for_other_runs(ti) -> None:
    """Reschedule while a run of another type loads, which `max_active_runs` does not count.

    Two tasks that load the same conversation at the same moment would both insert it.
    """

    def running(**of) -> int:
        states = [TaskInstanceState.RUNNING]
        return ti.get_ti_count(dag_id=ti.dag_id, task_ids=[ti.task_id], states=states, **of)

    if running() > running(run_ids=[ti.run_id]):
        wait = TURN * random.uniform(0.5, 1.5)  # noqa: S311 - so that two runs do not collide again
        raise AirflowRescheduleException(datetime.now(UTC) + wait)


def run_sync(bot_id: int, days: list[str] | None):
    """Load with a separate pipeline, and so a separate state and staging dataset.

    The folder is temporary: dlt restores the state from the destination.
    """
    dlt = configured_dlt()
    from chatislav_source import AuthenticationError, ConfigurationError, sync

    name = f"chatislav_{bot_id}" + (f"_{days[0][:7]}".replace("-", "_") if days else "")
    start_date, end_date = days or (None, None)
    with TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            name, destination=DESTINATION, dataset_name=DATASET, pipelines_dir=folder
        )
        try:
            return sync(
                pipeline,
                bot_ids=[bot_id],
                start_date=start_date,
                end_date=end_date,
                max_concurrency=REQUESTS_PER_TASK,
                verify=days is None,  # after a scheduled run: is each day complete and true?
                **credentials(),
            )
        except (ConfigurationError, AuthenticationError) as error:
            raise AirflowFailException(str(error)) from None  # a retry would not help


def configured_dlt():
    """The dlt module, with the variable `dlt_secrets_toml` added to its secrets.

    By default dlt requests some 800 variables from Airflow, one for each possible setting.
    """
    os.environ["PROVIDERS__ENABLE_AIRFLOW_SECRETS"] = "false"
    import dlt  # not at the top of the file, which Airflow parses often

    secrets = tomllib.loads(Variable.get("dlt_secrets_toml", default=""))
    for section, values in secrets.items():
        dlt.secrets[section] = values
    return dlt


def credentials() -> dict[str, str | None]:
    """Key and base URL of the connection; empty without one, so that dlt's config is used."""
    try:
        connection = Connection.get("chatislav_default")
    except AirflowNotFoundException:
        return {}
    return {"api_key": connection.password, "base_url": connection.host}


def summarized(report) -> dict:
    """Rows by table, the time up to which the bot is loaded, and the delay."""
    conversations, analytics = report.resources
    watermark = conversations.state["watermark"]
    behind = datetime.now(UTC) - datetime.fromisoformat(watermark) if watermark else None
    return {
        "rows": {
            "conversations": conversations.rows,
            "conversations__messages": conversations.messages,
            "analytics": analytics.rows,
        },
        "loaded_up_to": watermark,
        "behind_seconds": behind and int(behind.total_seconds()),
        "verified": verified(report),
        "requests": report.total("requests"),
        "seconds": round(report.seconds, 1),
    }


def verified(report) -> dict | None:
    """What the comparison with the API's totals found; None after a backfill."""
    if report.verification is None:
        return None
    (bot,) = report.verification["bots"] or [{}]
    kinds = ("equal", "settling", "unproven", "differs")
    return {
        "yesterday": report.verification["yesterday"]["text"],
        **{kind: bot.get(kind, 0) for kind in kinds},
    }


chatislav()
