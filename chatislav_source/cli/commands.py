"""The commands of `chatislav`, and their options.

Each command imports the modules it needs, so that `chatislav --help` is fast.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chatislav_source.cli.access.check import check
from chatislav_source.cli.answers import export, report
from chatislav_source.cli.answers.models import keep_views, models, models_option
from chatislav_source.cli.exit_status import COMPLETE, INCOMPLETE, run
from chatislav_source.cli.options import (
    SandboxCommand,
    api_options,
    as_day,
    as_seconds,
    bot_option,
    conversations_option,
    debug_option,
    dry_run_option,
    option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    read_options,
    resource_option,
    set_up_log,
    start_date_option,
    sync_arguments,
)
from chatislav_source.cli.proof.verify import verified, verify, verify_option
from chatislav_source.cli.terminal.encoding import print_json
from chatislav_source.cli.upkeep.forget import forget
from chatislav_source.cli.upkeep.reset import reset
from chatislav_source.config import MAX_BOT_ID

if TYPE_CHECKING:
    from chatislav_source.cli.status import BotStatus
    from chatislav_source.destinations.target import PipelineConfig


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chatislav-source")
def cli() -> None:
    """Load Chatislav conversations, messages and analytics into your warehouse.

    \b
    Without a key:            chatislav demo
    With your key:            export SOURCES__CHATISLAV__API_KEY=chsk_live_...
                              chatislav check --bot-id 123
                              chatislav sync --bot-id 123

    The key comes from the environment or dlt's config, never from an argument.
    """


@cli.command()
@api_options
@start_date_option
@option("--end-date", help="Last day, included; makes the sync a backfill.")
@resource_option
@dry_run_option
@models_option
@verify_option
@read_options
@pipeline_options
@output_options
def sync(**given: Any) -> None:
    """Load new and changed rows since the last sync; safe to run at any time.

    \b
    chatislav sync --bot-id 123 --bot-id 456
    chatislav sync --bot-id 123 --start-date 2025-01-01 --database /data/warehouse.duckdb
    chatislav sync --destination bigquery --dataset chatislav --json
    """
    _load(**given)


@cli.command()
@api_options
@option("--start-date", required=True, help="First day to read again.")
@option("--end-date", required=True, help="Last day, included.")
@resource_option
@dry_run_option
@models_option
@read_options
@pipeline_options
@output_options
def backfill(**given: Any) -> None:
    """Read a range of days again; the incremental state does not change.

    \b
    chatislav backfill --bot-id 123 --start-date 2026-01-01 --end-date 2026-03-31
    """
    _load(**given)


def _load(as_json: bool, is_dry_run: bool, is_verifying: bool = False, **given: Any) -> None:
    from chatislav_source.cli import process_memory

    process_memory.before_imports()
    from chatislav_source.cli import console
    from chatislav_source.cli.upkeep import dry_run
    from chatislav_source.configured import sync_config
    from chatislav_source.runner.job import run_job

    process_memory.after_imports()
    verbosity = set_up_log(given)
    pipeline_config = pipeline_config_of(given)
    config = sync_config(pipeline_config.pipeline_name, **sync_arguments(given))
    if is_dry_run:
        estimate = dry_run.dry_run(pipeline_config, config, given["resources"])
        if as_json:
            print_json(estimate.as_dict())
        else:
            dry_run.show(f"Chatislav → {pipeline_config}", estimate)
        return
    pipeline_config.check()
    with console.progress(len(config.bot_ids), verbosity) as progress:
        pipeline = pipeline_config.pipeline(progress)
        load = partial(run_job, pipeline, config, progress.on_page, given["resources"])
        report = verified(load, is_verifying, pipeline, config)
        views = keep_views(pipeline, given)
    if as_json:
        print_json(report.as_dict() | views.as_dict())
    elif verbosity.quiet:
        console.errors(report)
    else:
        console.summary(f"Chatislav → {pipeline_config}", report)
    views.show(as_json or verbosity.quiet)
    is_good = report.complete and not report.differing_days and not views.problem
    sys.exit(COMPLETE if is_good else INCOMPLETE)


@cli.command()
@bot_option
@pipeline_options
@option(
    "--max-age",
    "max_age_seconds",
    callback=as_seconds,
    help="End with status 1 if a bot is further behind, or was never loaded; like 90m, 2h, 1d.",
)
@output_options
def status(
    as_json: bool, max_age_seconds: int | None, bot_ids: tuple[int, ...], **given: Any
) -> None:
    """Show per bot: time of the last complete sync, delay, rows and last error.

    Only reads the destination, so it can be run at any time, also during a sync. Without
    --pipeline-name, it shows the bots of every pipeline that loads into the dataset.

    \b
    chatislav status
    chatislav status --max-age 2h
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.status import nothing_loaded, too_old

    verbosity = set_up_log(given)
    pipeline_config = pipeline_config_of(given)
    source = click.get_current_context().get_parameter_source("pipeline_name")
    asked = None if source is ParameterSource.DEFAULT else pipeline_config.pipeline_name
    now = datetime.now(UTC)
    every, names = _statuses(pipeline_config, asked, now, is_needed=max_age_seconds is None)
    found = [bot for bot in every if not bot_ids or bot.bot_id in bot_ids]
    nothing = nothing_loaded(every, asked, names)
    if as_json:
        print_json([bot.as_dict() for bot in found])
    elif not verbosity.quiet:
        console.status_table(f"{pipeline_config}, {console.moment(now)}", found)
        console.notes(nothing)
    problems = []
    if max_age_seconds is not None:
        problems = nothing + too_old(found, max_age_seconds, bot_ids)
    for problem in problems:
        console.error(problem)
    sys.exit(INCOMPLETE if problems else COMPLETE)


def _statuses(
    config: PipelineConfig, asked: str | None, now: datetime, is_needed: bool
) -> tuple[list[BotStatus], list[str]]:
    """The status of each bot of the pipeline that is asked for, or of all; and all their names.

    Both are empty without a DuckDB file, which is an error if `is_needed`.
    """
    from chatislav_source.cli.status import looking, statuses
    from chatislav_source.cli.stored_states import pipeline_names

    if config.is_duckdb and not config.database.exists() and not is_needed:
        return [], []
    with looking(config) as pipeline:
        names = pipeline_names(pipeline)
        return statuses(pipeline, now, [asked] if asked else names or None), names


@cli.command()
@click.option(  # not from the environment, which names the file of the syncs
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    default="chatislav_demo.duckdb",
    show_default=True,
    help="File to create; replaces the file of an earlier demo.",
)
@conversations_option
@debug_option
def demo(database: Path, conversations: int, debug: bool) -> None:
    """Sync generated data into a DuckDB file and show the tables; needs no key or network."""
    from chatislav_source.cli import console
    from chatislav_source.cli.demo import run_demo

    verbosity = console.Verbosity(debug=debug)
    console.log_to_stderr(verbosity)
    run_demo(database, conversations, verbosity)


@cli.command(cls=SandboxCommand)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="0 chooses a free port.",
)
@click.option(
    "--bot-id",
    "bot_ids",
    type=click.IntRange(1, MAX_BOT_ID),
    multiple=True,
    default=(101, 102, 103),
    show_default=True,
)
@conversations_option
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=60,
    show_default=True,
    help="Days with conversations.",
)
@click.option("--last-day", callback=as_day, help="In UTC.  [default: today]")
@click.option(
    "--messages", type=click.IntRange(0, 10_000), help="In each conversation.  [default: 0 to 40]"
)
@click.option("--seed", default=1, show_default=True)
@click.option("--set", "switches", multiple=True, metavar="NAME=JSON", help="Switch; repeatable.")
def sandbox(port: int, switches: tuple[str, ...], **generated: Any) -> None:
    """Serve a local Chatislav API with generated data until stopped.

    \b
    chatislav sandbox --port 8765
    chatislav sandbox --set latency_seconds=0.05 --set 'faults={"503": 0.1}'
    """
    from chatislav_source.cli.sandbox import run_sandbox

    run_sandbox(port, switches, **generated)


@cli.command()
@click.option("--bot-id", "bot_ids", type=int, multiple=True, help="AI agent; repeatable.")
@click.option("--start-date", callback=as_day, help="First day of the first load.")
@debug_option
def init(bot_ids: tuple[int, ...], start_date: date | None, debug: bool) -> None:
    """Ask for what .dlt/config.toml and .dlt/secrets.toml lack, write it, and check the access."""
    from chatislav_source.cli import console
    from chatislav_source.cli.init import run_init

    console.log_to_stderr(console.Verbosity(debug=debug))
    run_init(list(bot_ids), start_date)
    with check.make_context("check", ["--debug"] if debug else []) as context:
        check.invoke(context)


for command in (check, forget, reset, models, export.export, report.report, verify):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the entry point of `chatislav`."""
    run(cli)
