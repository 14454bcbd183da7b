"""Loads one bot in a task. It imports dlt: import it when dlt is configured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from chatislav_source import AuthenticationError, ConfigurationError, SyncReport, sync
from chatislav_source.integrations.airflow.hook import ChatislavHook
from chatislav_source.integrations.airflow.settings import Settings
from chatislav_source.integrations.pipelines import task_pipeline
from chatislav_source.integrations.run_summary import summary


def load_bot(settings: Settings, bot_id: int, days: Sequence[str] | None) -> dict[str, Any]:
    """Sync a bot, or read the days from the first to the last of `days` again; gives a summary.

    Raises:
        AirflowFailException: configuration or key are not usable, so a retry would not help.
        AirflowException: the bot is not loaded completely; a retry continues.
    """
    report = run_sync(settings, bot_id, days)
    if not report.complete:
        raise AirflowException("; ".join(report.errors))
    return summary(report, datetime.now(UTC))


def run_sync(settings: Settings, bot_id: int, days: Sequence[str] | None) -> SyncReport:
    """The report of a sync with a pipeline, and so a state and staging dataset, of its own."""
    name = f"{settings.dag_id}_{bot_id}"
    if days:  # the months of a backfill are loaded at the same time
        name += "_" + days[0][:7].replace("-", "_")
    start_date, end_date = days or (None, None)
    with task_pipeline(
        name, settings.destination, settings.dataset, settings.pipelines_dir
    ) as pipeline:
        try:
            return sync(
                pipeline,
                bot_ids=[bot_id],
                start_date=start_date,
                end_date=end_date,
                max_concurrency=settings.requests_per_task,
                verify=settings.verify and days is None,
                **ChatislavHook(settings.conn_id).get_conn(),
            )
        except (ConfigurationError, AuthenticationError) as error:
            raise AirflowFailException(str(error)) from None
