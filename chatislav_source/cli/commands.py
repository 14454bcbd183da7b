"""The commands of `chatislav`, and their options.

Each command imports the modules it needs, so that `chatislav --help` is fast.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatislav_source.cli.exit_status import COMPLETE, INCOMPLETE, run
from chatislav_source.cli.options import (
    api_options,
    as_day,
    conversations_option,
    database_option,
    debug_option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    read_options,
    start_date_option,
    sync_arguments,
)
from chatislav_source.cli.terminal.encoding import json_text
from chatislav_source.errors import ConfigurationError

if TYPE_CHECKING:
    from chatislav_source.cli.check import CheckResult
    from chatislav_source.destinations.target import PipelineConfig
    from chatislav_source.runner.report import SyncReport


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
@click.option("--end-date", help="Last day, included; makes the sync a backfill.")
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
@click.option("--start-date", required=True, help="First day to read again.")
@click.option("--end-date", required=True, help="Last day, included.")
@read_options
@pipeline_options
@output_options
def backfill(**given: Any) -> None:
    """Read a range of days again; the incremental state does not change.

    \b
    chatislav backfill --bot-id 123 --start-date 2026-01-01 --end-date 2026-03-31
    """
    _load(**given)


def _load(as_json: bool, debug: bool, **given: Any) -> None:
    from chatislav_source.cli import process_memory

    process_memory.before_imports()
    from chatislav_source.cli import console
    from chatislav_source.runner.job import run_job
    from chatislav_source.source import sync_config

    process_memory.after_imports()
    console.log_to_stderr(debug)
    pipeline_config = pipeline_config_of(given)
    config = sync_config(pipeline_config.pipeline_name, **sync_arguments(given))
    pipeline_config.check()
    with console.progress() as on_progress:
        report = run_job(pipeline_config.pipeline(), config, on_progress)
    _show_report(pipeline_config, report, as_json)
    sys.exit(COMPLETE if report.complete else INCOMPLETE)


def _show_report(pipeline_config: PipelineConfig, report: SyncReport, as_json: bool) -> None:
    from chatislav_source.cli import console

    if as_json:
        _print_json(report.as_dict())
    else:
        console.summary(f"Chatislav → {pipeline_config}", report)


@cli.command()
@api_options
@pipeline_options
@output_options
def check(as_json: bool, debug: bool, **given: Any) -> None:
    """Check that the key is accepted, each bot readable and the destination writable.

    Creates the dataset if it does not exist, and a small table that it drops afterwards.

    \b
    chatislav check --bot-id 123
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.check import check_bots
    from chatislav_source.cli.destination_check import check_destination
    from chatislav_source.source import sync_config

    console.log_to_stderr(debug)
    pipeline_config = pipeline_config_of(given)
    config = sync_config(pipeline_config.pipeline_name, **sync_arguments(given))
    pipeline_config.check()
    results = [*check_bots(config), check_destination(pipeline_config)]
    if as_json:
        _print_json([result.as_dict() for result in results])
    else:
        console.check_results(results)
    sys.exit(_status_of(results))


def _status_of(results: list[CheckResult]) -> int:
    return INCOMPLETE if any(result.problem for result in results) else COMPLETE


@cli.command()
@pipeline_options
@output_options
def status(as_json: bool, debug: bool, **given: Any) -> None:
    """Show per bot: time of the last complete sync, delay, rows and last error.

    \b
    chatislav status
    chatislav status --json | jq '.[] | select(.behind_seconds > 86400)'
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.status import statuses

    console.log_to_stderr(debug)
    pipeline_config = pipeline_config_of(given)
    pipeline_config.check()
    if pipeline_config.is_duckdb and not pipeline_config.database.exists():
        raise ConfigurationError(
            f"{pipeline_config.database} does not exist: nothing is loaded yet. "
            "`chatislav sync` creates it."
        )
    now = datetime.now(UTC)
    found = statuses(pipeline_config.pipeline(), now)
    if as_json:
        _print_json([bot.as_dict() for bot in found])
    else:
        console.status_table(f"{pipeline_config}, {console.moment(now)}", found)


@cli.command()
@database_option("chatislav_demo.duckdb", "File to create; replaces the file of an earlier demo.")
@conversations_option
@debug_option
def demo(database: Path, conversations: int, debug: bool) -> None:
    """Sync generated data into a DuckDB file and show the tables; needs no key or network."""
    from chatislav_source.cli import console
    from chatislav_source.cli.demo import run_demo

    console.log_to_stderr(debug)
    run_demo(database, conversations)


@cli.command()
@click.option("--port", default=8765, show_default=True, help="0 chooses a free port.")
@click.option(
    "--bot-id", "bot_ids", type=int, multiple=True, default=(101, 102, 103), show_default=True
)
@conversations_option
@click.option("--days", default=60, show_default=True, help="Days with conversations.")
@click.option("--last-day", callback=as_day, help="In UTC.  [default: today]")
@click.option("--messages", type=int, help="In each conversation.  [default: 0 to 40]")
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


def _print_json(value: Any) -> None:
    click.echo(json_text(value))


def main() -> None:
    """Run the command line; the entry point of `chatislav`."""
    run(cli)
