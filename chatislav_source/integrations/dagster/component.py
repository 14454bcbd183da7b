"""The Dagster component: assets, check, job and schedule of the bots that it is given."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from chatislav_source.integrations.dagster.check import check_of
from chatislav_source.integrations.dagster.options import ChatislavOptions
from chatislav_source.integrations.dagster.scaffold import ChatislavScaffolder
from chatislav_source.integrations.dagster.tables import tables_of


@dg.scaffold_with(ChatislavScaffolder)
class ChatislavComponent(dg.Component, ChatislavOptions, dg.Resolvable):
    """Chatislav conversations, messages and analytics as assets, by bot and day, on a schedule.

    The partition of today loads everything new since the last run; the schedule runs it for each
    bot. The partition of an earlier day reads only that day again: launch a backfill of these
    days. Key and warehouse come from dlt's config: SOURCES__CHATISLAV__API_KEY and
    DESTINATION__POSTGRES__CREDENTIALS, or .dlt/*.toml.
    """

    def build_defs(
        self,
        context: dg.ComponentLoadContext | None = None,  # noqa: ARG002 - Dagster's signature
    ) -> dg.Definitions:
        """The definitions; `context` is not needed."""
        tables = tables_of(self)
        job = dg.define_asset_job(
            job_name(self), dg.AssetSelection.assets(tables), executor_def=dg.in_process_executor
        )
        return dg.Definitions(
            assets=[tables],
            asset_checks=[check_of(self)] if self.verify else [],
            jobs=[job],
            schedules=[schedule_of(self, self.schedule)] if self.schedule else [],
        )


def job_name(options: ChatislavOptions) -> str:
    """The job that loads the partitions of a run."""
    return f"{options.name}_job"


def schedule_of(options: ChatislavOptions, cron: str) -> dg.ScheduleDefinition:
    """One run per bot, so that a failure does not affect the other bots."""

    status = dg.DefaultScheduleStatus

    @dg.schedule(
        cron_schedule=cron,
        job_name=job_name(options),
        name=f"{options.name}_schedule",
        default_status=status.RUNNING if options.running else status.STOPPED,
    )
    def what_is_new(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        today = datetime.now(UTC).date().isoformat()
        for bot in options.bot_ids:
            yield dg.RunRequest(
                run_key=f"{bot} {context.scheduled_execution_time:%Y-%m-%dT%H:%M}",
                partition_key=dg.MultiPartitionKey({"bot": str(bot), "day": today}),
            )

    return what_is_new
