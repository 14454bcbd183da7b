"""Options that several commands share, and their conversion to configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from chatislav_source.config import DEFAULT_HISTORY_DAYS, DEFAULTS, Arguments, day_of

if TYPE_CHECKING:
    from chatislav_source.destinations.target import PipelineConfig

Command = TypeVar("Command", bound=Callable[..., Any])


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Combine click options into one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def database_option(default: str, help_text: str) -> Callable[[Command], Command]:
    """The option `--database`: the path of a DuckDB file."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--database", type=kind, default=default, show_default=True, help=help_text)


def as_day(_context: click.Context, option: click.Parameter, text: str | None) -> date | None:
    """A callback of click that converts ISO text to a day."""
    return day_of(option.opts[0], text)


debug_option = click.option("--debug", is_flag=True, help="Show tracebacks and a detailed log.")
conversations_option = click.option(
    "--conversations", default=200, show_default=True, help="Conversations per bot."
)
api_options = options(
    click.option("--bot-id", "bot_ids", type=int, multiple=True, help="AI agent; repeatable."),
    click.option(
        "--base-url",
        help=f"Address of the API.  [default: {DEFAULTS['base_url']}]",
    ),
)
pipeline_options = options(
    click.option("--destination", default="duckdb", show_default=True, help="Any dlt destination."),
    database_option("warehouse.duckdb", "DuckDB file; other destinations ignore it."),
    click.option("--dataset", default="chatislav", show_default=True, help="Schema of the tables."),
    click.option("--pipeline-name", default="chatislav_sync", show_default=True),
    click.option("--pipelines-dir", help="Folder of dlt's pipelines.  [default: that of dlt]"),
)
start_date_option = click.option(
    "--start-date",
    help=f"First day of the first load.  [default: {DEFAULT_HISTORY_DAYS} days ago]",
)
output_options = options(
    click.option("--json", "as_json", is_flag=True, help="Print only one JSON document."),
    debug_option,
)
read_options = options(
    click.option(
        "--timezone", help=f"IANA zone of the analytics day.  [default: {DEFAULTS['timezone']}]"
    ),
    click.option(
        "--max-concurrency",
        type=int,
        help=f"Maximum number of requests in flight.  [default: {DEFAULTS['max_concurrency']}]",
    ),
    click.option(
        "--requests-per-second",
        type=float,
        help="Highest rate of requests.  [default: the rate that the API allows]",
    ),
)


def pipeline_config_of(given: dict[str, Any]) -> PipelineConfig:
    """The pipeline configuration from the values of `pipeline_options`."""
    from chatislav_source.destinations.target import PipelineConfig

    return PipelineConfig(
        destination=given["destination"],
        database=given["database"],
        dataset=given["dataset"],
        pipeline_name=given["pipeline_name"],
        pipelines_dir=given["pipelines_dir"],
    )


def sync_arguments(given: dict[str, Any]) -> Arguments:
    """The given options that are arguments of `sync`; the others come from dlt's config."""
    arguments = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if name in Arguments.__annotations__ and value not in (None, ())
    }
    return cast(Arguments, arguments)
