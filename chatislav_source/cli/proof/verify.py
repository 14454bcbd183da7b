"""The command `chatislav verify`: whether each day is complete and true."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chatislav_source.cli.exit_status import COMPLETE, INCOMPLETE
from chatislav_source.cli.options import (
    api_options,
    option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    set_up_log,
    sync_arguments,
)
from chatislav_source.cli.terminal.encoding import print_json

if TYPE_CHECKING:
    import dlt

    from chatislav_source.config import SyncConfig
    from chatislav_source.destinations.target import PipelineConfig
    from chatislav_source.proof.result import Verification
    from chatislav_source.runner.report import SyncReport

MAX_DAYS = 3650

verify_option = option(
    "--verify",
    "is_verifying",
    is_flag=True,
    help="Then compare the last 30 days with the API's totals; read those that differ again.",
)


@click.command()
@api_options
@option(
    "--days",
    type=click.IntRange(1, MAX_DAYS),
    default=30,
    show_default=True,
    help="Days to compare, up to yesterday.",
)
@option("--heal", "is_healing", is_flag=True, help="Read the days that differ again.")
@pipeline_options
@output_options
def verify(as_json: bool, days: int, is_healing: bool, **given: Any) -> None:
    """Compare the tables with the API's own totals, day by day.

    Finds out from the data how the API counts. Without --heal nothing is requested, and no key is
    needed. Ends with 1 if a day differs, or if it is not proven how the API counts.

    \b
    chatislav verify --days 90
    chatislav verify --heal
    """
    from chatislav_source.cli.proof import output

    verbosity = set_up_log(given)
    pipeline_config = pipeline_config_of(given)
    result = _verified(pipeline_config, days, is_healing, given)
    if as_json:
        print_json(result.as_dict())
    elif not verbosity.quiet:
        output.show(str(pipeline_config), result)
    sys.exit(COMPLETE if result.is_true else INCOMPLETE)


def verified(
    load: Callable[[], SyncReport], is_asked: bool, pipeline: dlt.Pipeline, config: SyncConfig
) -> SyncReport:
    """The report of `load`, with the result of a verification after it if that is asked for."""
    from chatislav_source.proof.warehouse import dialect_of
    from chatislav_source.source import add_verification

    if not is_asked:
        return load()
    dialect_of(pipeline)  # before anything is loaded
    report = load()
    add_verification(pipeline, config, report)
    return report


def _verified(
    config: PipelineConfig, days: int, is_healing: bool, given: dict[str, Any]
) -> Verification:
    from chatislav_source.proof.healing import heal
    from chatislav_source.proof.verification import verify_tables

    config.require_database()
    sync = _sync_config(config, given) if is_healing else None
    config.check()
    pipeline = config.pipeline()
    if sync is None:
        return verify_tables(pipeline, datetime.now(UTC), days, given["bot_ids"])
    return heal(pipeline, sync, days, sync.bot_ids)


def _sync_config(config: PipelineConfig, given: dict[str, Any]) -> SyncConfig:
    """How days are read again: of the bots that are given or configured, else of those loaded."""
    from chatislav_source.cli.status import looking, row_counts
    from chatislav_source.configured import configured_bots, sync_config
    from chatislav_source.records.schema import ANALYTICS

    arguments = sync_arguments(given)
    if not given["bot_ids"] and not configured_bots(config.pipeline_name):
        with looking(config) as pipeline, pipeline.sql_client() as client:
            arguments["bot_ids"] = sorted(row_counts(pipeline, client, ANALYTICS))
    return sync_config(config.pipeline_name, **arguments)
