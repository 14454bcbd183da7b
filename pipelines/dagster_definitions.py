"""Load Chatislav into your warehouse with Dagster: three assets, partitioned by bot and day.

The partition of today loads everything new since the last run; the schedule runs it for each bot.
The partition of an earlier day reads only that day again: launch a backfill of these days.

Bots, key and warehouse come from dlt's config: SOURCES__CHATISLAV__BOT_IDS='[123, 456]',
SOURCES__CHATISLAV__API_KEY and DESTINATION__POSTGRES__CREDENTIALS, or .dlt/*.toml.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any, cast

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from chatislav_source import TABLES, chatislav, verify

SCHEDULE = "0 * * * *"
FIRST_DAY = "2026-01-01"
DESTINATION = "postgres"  # any dlt destination; a DuckDB file allows one writer at a time
DATASET = "chatislav"
POOL = "chatislav"  # one run at a time: see dagster.yaml
FIRST_RETRY_SECONDS = 60  # doubled each time

BOTS = dg.StaticPartitionsDefinition([str(bot) for bot in dlt.config["sources.chatislav.bot_ids"]])
DAYS = dg.DailyPartitionsDefinition(FIRST_DAY, end_offset=1)  # including today
BY_BOT_AND_DAY = dg.MultiPartitionsDefinition({"bot": BOTS, "day": DAYS})


def asset_spec(table: Any) -> dg.AssetSpec:
    """The asset of a table, with the descriptions of its columns."""
    columns = [
        dg.TableColumn(
            column.name,
            column.data_type,
            column.description,
            dg.TableColumnConstraints(nullable=not column.key),
        )
        for column in table.columns
    ]
    return dg.AssetSpec(
        ["chatislav", table.name],
        description=table.description,
        group_name="chatislav",
        kinds={"dlt", DESTINATION},
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
        partitions_def=BY_BOT_AND_DAY,
        freshness_policy=dg.FreshnessPolicy.time_window(
            warn_window=timedelta(hours=3), fail_window=timedelta(hours=24)
        ),
    )


SPECS = {table.name: asset_spec(table) for table in TABLES}


class TablesAsAssets(DagsterDltTranslator):
    """Maps each dlt resource to its asset."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """The asset of the table that has the resource's name."""
        return SPECS[data.resource.name]


@dg.multi_asset(
    specs=list(SPECS.values()),
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=31),
    pool=POOL,
    retry_policy=dg.RetryPolicy(
        max_retries=4,
        delay=FIRST_RETRY_SECONDS,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    ),
)
def chatislav_tables(
    context: dg.AssetExecutionContext, dlt_runner: DagsterDltResource
) -> Iterator[dg.MaterializeResult]:
    """Load everything new of one bot, or some of its days again, in one atomic load."""
    bot, days = bot_and_days(context.partition_keys)
    with TemporaryDirectory() as folder:
        # A separate pipeline per bot, and so a separate state and staging dataset. The folder is
        # temporary: dlt restores the state from the destination.
        pipeline = dlt.pipeline(
            f"chatislav_{bot}", destination=DESTINATION, dataset_name=DATASET, pipelines_dir=folder
        )
        events = dlt_runner.run(
            context=context,
            dlt_source=chatislav(bot_ids=[bot], **days),
            dlt_pipeline=pipeline,
            dagster_dlt_translator=TablesAsAssets(),
        )
        # for several days it fails if no row of them had changed
        yield from events.fetch_row_count() if context.has_partition_key else events
        rows = pipeline.last_trace.last_normalize_info.row_counts
        messages = SPECS["conversations__messages"].key
        loaded = rows.get(messages.path[-1], 0)
        yield dg.MaterializeResult(
            messages, metadata={"rows_loaded": loaded, "dagster/partition_row_count": loaded}
        )


def bot_and_days(keys: Sequence[str]) -> tuple[int, dict[str, str]]:
    """The bot, and the dates of a backfill; without dates for today, which is an incremental load.

    A run has one bot: Dagster cuts a backfill into ranges of days.
    """
    parts = [cast(dg.MultiPartitionKey, key).keys_by_dimension for key in keys]
    (bot,) = {part["bot"] for part in parts}
    days = sorted(part["day"] for part in parts)
    if days == [datetime.now(UTC).date().isoformat()]:
        return int(bot), {}
    return int(bot), {"start_date": days[0], "end_date": days[-1]}


@dg.asset_check(
    asset=SPECS["conversations"].key, additional_deps=[SPECS["analytics"].key], pool=POOL
)
def agrees_with_analytics() -> dg.AssetCheckResult:
    """Check that each final day holds what the API counts, in the way that its totals prove."""
    with TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "chatislav_verify",
            destination=DESTINATION,
            dataset_name=DATASET,
            pipelines_dir=folder,
        )
        result = verify(pipeline)
    different = [
        f"{row.bot_id} {row.date} {row.channel} {row.metric}: {row.difference:+g}"
        for bot in result.bots
        for row in bot.differences
    ]
    return dg.AssetCheckResult(
        passed=not different,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "yesterday": result.sentence,
            "days": sum(len(bot.days) for bot in result.bots),
            "different": different,
            "unproven": [f"{bot.bot_id} {name}" for bot in result.bots for name in bot.unproven],
        },
    )


chatislav_job = dg.define_asset_job("chatislav_job", dg.AssetSelection.groups("chatislav"))


@dg.schedule(cron_schedule=SCHEDULE, job=chatislav_job)
def what_is_new(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run per bot, so that a failure does not affect the other bots."""
    today = datetime.now(UTC).date().isoformat()
    for bot in BOTS.get_partition_keys():
        yield dg.RunRequest(
            run_key=f"{bot} {context.scheduled_execution_time:%Y-%m-%dT%H:%M}",
            partition_key=dg.MultiPartitionKey({"bot": bot, "day": today}),
        )


defs = dg.Definitions(
    assets=[chatislav_tables],
    asset_checks=[agrees_with_analytics],
    jobs=[chatislav_job],
    schedules=[what_is_new],
    resources={"dlt_runner": DagsterDltResource()},
    executor=dg.in_process_executor,
)
