"""The tables as assets: what Dagster shows of them, and how a run loads them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import dagster as dg
import dlt

from chatislav_source import (
    TABLES,
    AuthenticationError,
    ConfigurationError,
    SyncReport,
    sync,
)
from chatislav_source.integrations.dagster.options import ChatislavOptions
from chatislav_source.integrations.pipelines import task_pipeline
from chatislav_source.integrations.run_summary import summary

COLUMNS = "dagster/column_schema"


def tables_of(options: ChatislavOptions) -> dg.AssetsDefinition:
    """One definition with an asset per table; a run loads one bot into all of them."""

    @dg.multi_asset(
        name=f"{options.name}_tables",
        specs=[spec_of(table, options) for table in TABLES],
        partitions_def=options.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(options.max_days_per_run),
        pool=options.pool,
        retry_policy=options.retry_policy,
    )
    def tables(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Load everything new of one bot, or some of its days again."""
        bot, days = bot_and_days(context.partition_keys)
        name = f"{options.name}_{bot}"  # a state and a staging dataset of its own
        with task_pipeline(
            name, options.destination, options.dataset, options.pipelines_dir
        ) as pipeline:
            report = complete_sync(pipeline, bot, days, options.max_concurrency)
            context.log.info("Bot %s: %s", bot, summary(report, datetime.now(UTC)))
            yield from results(pipeline, report, options)

    return tables


def spec_of(table: Any, options: ChatislavOptions) -> dg.AssetSpec:
    """The asset of a table, with its columns and how fresh it must be."""
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
        options.key(table.name),
        description=table.description,
        group_name=options.name,
        kinds={"dlt", options.destination},
        metadata={
            COLUMNS: dg.TableSchema(columns),
            "dagster/table_name": f"{options.dataset}.{table.name}",
        },
        freshness_policy=dg.FreshnessPolicy.time_window(
            warn_window=timedelta(hours=options.freshness_warn_hours),
            fail_window=timedelta(hours=options.freshness_fail_hours),
        ),
    )


def bot_and_days(keys: Sequence[str]) -> tuple[int, tuple[str, str] | None]:
    """The bot, and first and last day of a backfill; None for today, which loads what is new.

    A run has one bot: Dagster cuts a backfill into ranges of days.
    """
    parts = [cast(dg.MultiPartitionKey, key).keys_by_dimension for key in keys]
    (bot,) = {part["bot"] for part in parts}
    days = sorted(part["day"] for part in parts)
    if days == [datetime.now(UTC).date().isoformat()]:
        return int(bot), None
    return int(bot), (days[0], days[-1])


def complete_sync(
    pipeline: dlt.Pipeline, bot: int, days: tuple[str, str] | None, max_concurrency: int | None
) -> SyncReport:
    """The report of a sync of one bot.

    Raises:
        dagster.Failure: the bot is not loaded completely; a retry continues after what is loaded.
            Configuration and key are not tried again.
    """
    start_date, end_date = days or (None, None)
    try:
        report = sync(
            pipeline,
            bot_ids=[bot],
            start_date=start_date,
            end_date=end_date,
            max_concurrency=max_concurrency,
        )
    except (ConfigurationError, AuthenticationError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    if not report.complete:
        raise dg.Failure("; ".join(report.errors))
    return report


def results(
    pipeline: dlt.Pipeline, report: SyncReport, options: ChatislavOptions
) -> Iterator[dg.MaterializeResult]:
    """What was loaded into each table, and the columns that it has in the destination."""
    found = summary(report, datetime.now(UTC))
    for table, rows in found["rows"].items():
        columns = [
            dg.TableColumn(name, str(column["data_type"]), column.get("description"))
            for name, column in pipeline.default_schema.tables[table]["columns"].items()
            if "data_type" in column  # else it had no value yet, and is not in the table
        ]
        yield dg.MaterializeResult(
            options.key(table),
            metadata={
                "rows_loaded": rows,
                "dagster/partition_row_count": rows,
                "loaded_up_to": found["loaded_up_to"],
                "requests": found["requests"],
                COLUMNS: dg.TableSchema(columns),
            },
        )
