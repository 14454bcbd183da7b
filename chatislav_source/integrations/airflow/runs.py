"""Which days a run reads, and how runs of different types take turns."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import TaskInstanceState
from airflow.sdk.exceptions import AirflowRescheduleException


def days_to_read(dag_run: Any, params: Any) -> tuple[date, date] | None:
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


def wait_for_other_runs(ti: Any, turn: timedelta) -> None:
    """Reschedule while a run of another type loads, which `max_active_runs` does not count.

    Two tasks that load the same conversation at the same moment would both insert it. `turn` is
    about how long to wait.

    Raises:
        AirflowRescheduleException: the task is to wait; this is no failure.
    """

    def running(**of: Any) -> int:
        states = [TaskInstanceState.RUNNING]
        return int(ti.get_ti_count(dag_id=ti.dag_id, task_ids=[ti.task_id], states=states, **of))

    if running() > running(run_ids=[ti.run_id]):
        wait = turn * random.uniform(0.5, 1.5)  # noqa: S311 - so that two runs do not collide again
        raise AirflowRescheduleException(datetime.now(UTC) + wait)
