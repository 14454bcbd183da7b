"""The command line: arguments in, exit status out; what it does is elsewhere.

Heavy modules are imported by the commands that need them, so that help is instant.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chatislav_source.errors import AuthenticationError, ChatislavError, ConfigurationError

if TYPE_CHECKING:
    from chatislav_source.config import Options
    from chatislav_source.destinations.target import PipelineConfig
    from chatislav_source.runner.report import SyncReport

DONE, INCOMPLETE, UNUSABLE = 0, 1, 2
"""Exit status: all is loaded; something could not be; wrong usage, configuration or key."""

Command = TypeVar("Command", bound=Callable[..., Any])


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Several click options as one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


api_options = options(
    click.option("--bot-id", "bot_ids", type=int, multiple=True, help="AI agent; repeatable."),
    click.option("--base-url", help="Address of the API, where it is not the vendor's."),
)
target_options = options(
    click.option("--destination", default="duckdb", show_default=True, help="Any of dlt's."),
    click.option(
        "--database",
        type=click.Path(dir_okay=False, path_type=Path),
        default="warehouse.duckdb",
        show_default=True,
        help="File, for DuckDB only.",
    ),
    click.option("--dataset", default="chatislav", show_default=True, help="Schema of the tables."),
    click.option("--pipeline-name", default="chatislav_sync", show_default=True),
    click.option("--pipelines-dir", help="Where dlt keeps its files.  [default: dlt's]"),
)
output_options = options(
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document, nothing else."),
    click.option("--debug", is_flag=True, help="Show tracebacks and a detailed log."),
)
read_options = options(
    click.option("--timezone", help="IANA zone of the analytics day.  [default: UTC]"),
    click.option("--max-concurrency", type=int, help="Requests in flight.  [default: 8]"),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chatislav-source")
def cli() -> None:
    """Chatislav conversations, messages and analytics in your warehouse.

    \b
    Try it without a key:     chatislav demo
    With yours:               export SOURCES__CHATISLAV__API_KEY=chsk_live_...
                              chatislav check --bot-id 123
                              chatislav sync --bot-id 123

    The key comes from the environment or dlt's config, never from an argument.
    """


@cli.command()
@api_options
@click.option("--start-date", help="First day of the first load.  [default: 90 days ago]")
@click.option("--end-date", help="Last day, included; then this is a backfill.")
@read_options
@target_options
@output_options
def sync(**given: Any) -> None:
    """Load what is new, until caught up; run it as often as you like.

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
@target_options
@output_options
def backfill(**given: Any) -> None:
    """Read a range again; the incremental state stays as it was.

    \b
    chatislav backfill --bot-id 123 --start-date 2026-01-01 --end-date 2026-03-31
    """
    _load(**given)


def _load(as_json: bool, debug: bool, **given: Any) -> None:
    from chatislav_source.cli import process_memory

    process_memory.before_imports()
    from chatislav_source.cli import console
    from chatislav_source.runner.job import sync as run_sync

    process_memory.after_imports()
    console.log_to_stderr(debug)
    target, arguments = _target(given), _arguments(given)
    _options(arguments)
    target.check()
    with console.progress() as on_progress:
        report = run_sync(target.pipeline(), on_progress=on_progress, **arguments)
    _show_report(target, report, as_json)
    sys.exit(DONE if report.complete else INCOMPLETE)


def _show_report(target: PipelineConfig, report: SyncReport, as_json: bool) -> None:
    from chatislav_source.cli import console

    if as_json:
        _print_json(report.as_dict())
    else:
        console.summary(f"Chatislav → {target}", report)


@cli.command()
@api_options
@target_options
@output_options
def check(as_json: bool, debug: bool, **given: Any) -> None:
    """Is the key accepted, is each bot readable, can the destination be written?

    To know, it makes the dataset if there is none, and a small table that it drops again.

    \b
    chatislav check --bot-id 123
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.check import check_bots
    from chatislav_source.cli.destination_check import check_destination

    console.log_to_stderr(debug)
    target = _target(given)
    options = _options(_arguments(given))
    target.check()
    found = [*check_bots(options), check_destination(target)]
    if as_json:
        _print_json([finding.as_dict() for finding in found])
    else:
        console.findings(found)
    sys.exit(INCOMPLETE if any(finding.problem for finding in found) else DONE)


@cli.command()
@target_options
@output_options
def status(as_json: bool, debug: bool, **given: Any) -> None:
    """Per bot: loaded up to when, how far behind, rows, last error.

    \b
    chatislav status
    chatislav status --json | jq '.[] | select(.behind_seconds > 86400)'
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.status import statuses

    console.log_to_stderr(debug)
    target = _target(given)
    target.check()
    if target.is_duckdb and not target.database.exists():
        raise ConfigurationError(
            f"{target.database} does not exist: nothing is loaded yet. `chatislav sync` makes it."
        )
    now = datetime.now(UTC)
    found = statuses(target.pipeline(), now)
    if as_json:
        _print_json([bot.as_dict() for bot in found])
    else:
        console.status_table(f"{target}, {console.at(now)}", found)


@cli.command()
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    default="chatislav_demo.duckdb",
    show_default=True,
    help="File to make; an earlier demo's is replaced.",
)
@click.option("--conversations", default=200, show_default=True, help="Per bot.")
@click.option("--debug", is_flag=True, help="Show tracebacks and a detailed log.")
def demo(database: Path, conversations: int, debug: bool) -> None:
    """Sync a made-up workspace into a DuckDB file and show it. No key, no network."""
    from chatislav_source.cli import console
    from chatislav_source.cli.demo import run_demo

    console.log_to_stderr(debug)
    run_demo(database, conversations)


@cli.command()
@click.option("--port", default=8765, show_default=True, help="0 takes one that is free.")
@click.option(
    "--bot-id", "bot_ids", type=int, multiple=True, default=(101, 102, 103), show_default=True
)
@click.option("--conversations", default=200, show_default=True, help="Per bot.")
@click.option("--days", default=60, show_default=True, help="Over which they spread, until today.")
@click.option("--seed", default=1, show_default=True)
@click.option("--set", "switches", multiple=True, metavar="NAME=JSON", help="Switch; repeatable.")
def sandbox(
    port: int,
    bot_ids: tuple[int, ...],
    conversations: int,
    days: int,
    seed: int,
    switches: tuple[str, ...],
) -> None:
    """Serve a local Chatislav API with made-up data until stopped.

    \b
    chatislav sandbox --port 8765
    chatislav sandbox --set latency_seconds=0.05 --set 'faults={"503": 0.1}'
    """
    from chatislav_source.sandbox import SANDBOX_KEY, Settings, World
    from chatislav_source.sandbox.__main__ import serve

    today = datetime.now(UTC).date()
    world = World.generate(
        bot_ids=bot_ids, conversations=conversations, days=days, last_day=today, seed=seed
    )
    settings = Settings()
    try:
        settings.configure(**dict(_switch(text) for text in switches))
    except (AttributeError, ValueError) as problem:
        raise ConfigurationError(f"--set: {problem}") from None
    bots = ",".join(str(bot_id) for bot_id in bot_ids)

    def announce(base_url: str) -> None:
        click.echo(f"Serving bots {bots} until stopped (Ctrl-C). To use it:")
        click.echo(f"  export SOURCES__CHATISLAV__BASE_URL={base_url}")
        click.echo(f"  export SOURCES__CHATISLAV__API_KEY={SANDBOX_KEY}")
        click.echo(f"  export SOURCES__CHATISLAV__BOT_IDS='[{bots}]'")

    serve(world, settings, port, announce)


def _switch(text: str) -> tuple[str, Any]:
    """A setting of the sandbox and its JSON value; what is not JSON is taken as text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _target(given: dict[str, Any]) -> PipelineConfig:
    from chatislav_source.destinations.target import PipelineConfig

    return PipelineConfig(
        destination=given["destination"],
        database=given["database"],
        dataset=given["dataset"],
        pipeline_name=given["pipeline_name"],
        pipelines_dir=given["pipelines_dir"],
    )


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `sync` that were given; the others come from dlt's config."""
    names = ("base_url", "start_date", "end_date", "timezone", "max_concurrency")
    arguments = {name: given[name] for name in names if given.get(name) is not None}
    return arguments | ({"bot_ids": list(given["bot_ids"])} if given["bot_ids"] else {})


def _options(arguments: dict[str, Any]) -> Options:
    """The options as they will be, so that what is wrong is said before anything is done."""
    from chatislav_source.source import resolved_options

    return resolved_options(**arguments)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def main() -> None:
    """Run the command; errors become a few lines on stderr and an exit status."""
    # dlt would call its vendor's telemetry; whoever wants that says so
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    debug = "--debug" in sys.argv
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(UNUSABLE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Cancelled. What was loaded is kept; run again to go on from there.", err=True)
        sys.exit(INCOMPLETE)
    except Exception as problem:
        sys.exit(_report_error(problem, debug))


def _report_error(problem: Exception, debug: bool) -> int:
    from chatislav_source.cli import console

    if debug:
        logging.getLogger(__name__).debug("Traceback", exc_info=problem)
        import traceback

        traceback.print_exception(problem)
    if isinstance(problem, ConfigurationError | AuthenticationError):
        console.error(problem)
        return UNUSABLE
    if isinstance(problem, ChatislavError):
        console.error(problem)
        return INCOMPLETE
    console.unexpected(problem)
    return INCOMPLETE
