"""Options that several commands share, and their conversion to configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from chatislav_source.config import DEFAULT_HISTORY_DAYS, DEFAULTS, Arguments, day_of

if TYPE_CHECKING:
    from chatislav_source.cli.console import Verbosity
    from chatislav_source.destinations.target import PipelineConfig

DATABASE = Path("warehouse.duckdb")

Command = TypeVar("Command", bound=Callable[..., Any])


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Combine click options into one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


class Option(click.Option):
    """An option that is also read from the environment: `--bot-id` from `CHATISLAV_BOT_ID`.

    Several values are separated by commas or blanks.
    """

    def __init__(self, names: Sequence[str], *rest: Any, **settings: Any) -> None:
        long = next(name for name in names if name.startswith("--"))
        settings.setdefault("envvar", variable_of(long))
        super().__init__(names, *rest, **settings)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The value in the option's type; an empty text is a mistake, as of `"$UNSET"`."""
        if value == "":
            raise click.BadParameter("it is empty.", ctx, self)
        return super().type_cast_value(ctx, value)

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """The value in the environment; that of a repeatable option as a list."""
        text = self.resolve_envvar_value(ctx)
        if text is not None and self.multiple:
            return [part for part in re.split(r"[\s,]+", text.strip(" []")) if part]
        return super().value_from_envvar(ctx)


class SandboxCommand(click.Command):
    """The command `sandbox`; its help lists the switches, which are imported only for it."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the switches of `--set` after the options."""
        super().format_epilog(ctx, formatter)
        from chatislav_source.cli.sandbox import switches

        with formatter.section("Switches (--set NAME=JSON)"):
            formatter.write_dl(switches())


def variable_of(option: str) -> str:
    """The environment variable of an option like `--bot-id`."""
    return "CHATISLAV_" + option.strip("-").upper().replace("-", "_")


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An `Option`, as a decorator."""
    return click.option(*names, cls=Option, **settings)


def as_day(_context: click.Context, given: click.Parameter, text: str | None) -> date | None:
    """A callback of click that converts ISO text to a day."""
    return day_of(given.opts[0], text)


def as_seconds(_context: click.Context, _given: click.Parameter, text: str | None) -> int | None:
    """A callback of click that converts a duration like 90s, 30m, 2h or 1d to seconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})\s*([smhd])", text.strip().lower(), re.ASCII)
    if not found:
        raise click.BadParameter(f"{text!r} is not a duration; write it as 90s, 30m, 2h or 1d.")
    return int(found[1]) * SECONDS[found[2]]


SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_WAIT_SECONDS = 86_400

debug_option = option("--debug", is_flag=True, help="Show tracebacks and a detailed log.")
conversations_option = click.option(
    "--conversations",
    type=click.IntRange(0, 10_000_000),
    default=200,
    show_default=True,
    help="Conversations per bot.",
)
bot_option = option("--bot-id", "bot_ids", type=int, multiple=True, help="AI agent; repeatable.")
api_options = options(
    bot_option,
    option(
        "--base-url",
        help=f"Address of the API.  [default: {DEFAULTS['base_url']}]",
    ),
)
pipeline_options = options(
    option("--destination", default="duckdb", show_default=True, help="Any dlt destination."),
    option(
        "--database",
        type=click.Path(dir_okay=False, path_type=Path),
        help="DuckDB file.  [default: that of dlt's config, else warehouse.duckdb]",
    ),
    option("--dataset", default="chatislav", show_default=True, help="Schema of the tables."),
    option("--pipeline-name", default="chatislav_sync", show_default=True),
    option("--pipelines-dir", help="Folder of dlt's pipelines.  [default: that of dlt]"),
    option(
        "--wait",
        "wait_seconds",
        type=click.FloatRange(0, MAX_WAIT_SECONDS),
        default=30.0,
        show_default=True,
        help="Seconds to wait for a DuckDB file that another program holds.",
    ),
)
resource_option = option(
    "--resource",
    "resources",
    type=click.Choice(["conversations", "analytics"]),
    multiple=True,
    default=("conversations", "analytics"),
    help="What to load; repeatable.  [default: both]",
)
dry_run_option = option(
    "--dry-run",
    "is_dry_run",
    is_flag=True,
    help="Load nothing; say which days, and about how many requests, rows and minutes.",
)
start_date_option = option(
    "--start-date",
    help=f"First day of the first load.  [default: {DEFAULT_HISTORY_DAYS} days ago]",
)
output_options = options(
    option("--json", "as_json", is_flag=True, help="Print only one JSON document."),
    option("--quiet", "-q", is_flag=True, help="Print errors only."),
    option("--verbose", "-v", is_flag=True, help="Log each page and each load."),
    debug_option,
)
read_options = options(
    option(
        "--timezone",
        help="IANA zone of the analytics day.  [default: the one a bot is loaded in, at first UTC]",
    ),
    option(
        "--api-timezone",
        help="IANA zone of the API's timestamps without an offset.  [default: UTC]",
    ),
    option("--lookback-days", type=int, help="Days read again.  [default: decided per bot]"),
    option(
        "--analytics-channel",
        "analytics_channels",
        multiple=True,
        help="all, or a channel; repeatable.  [default: all]",
    ),
    option(
        "--max-concurrency",
        type=int,
        help=f"Maximum number of requests in flight.  [default: {DEFAULTS['max_concurrency']}]",
    ),
    option(
        "--requests-per-second",
        type=float,
        help="Highest rate of requests.  [default: the rate that the API allows]",
    ),
)


def set_up_log(given: dict[str, Any]) -> Verbosity:
    """Set up the log as `output_options` say."""
    from chatislav_source.cli import console

    verbosity = console.Verbosity(given["quiet"], given["verbose"], given["debug"])
    console.log_to_stderr(verbosity)
    return verbosity


def pipeline_config_of(given: dict[str, Any]) -> PipelineConfig:
    """The pipeline configuration from the values of `pipeline_options`.

    Raises:
        ConfigurationError: as `configured_database`.
    """
    from chatislav_source.destinations.target import PipelineConfig, configured_database

    database = given["database"]
    if database is None and given["destination"] == "duckdb":
        database = configured_database(given["pipeline_name"])
    return PipelineConfig(
        destination=given["destination"],
        database=database or DATABASE,
        dataset=given["dataset"],
        pipeline_name=given["pipeline_name"],
        pipelines_dir=given["pipelines_dir"],
        wait_seconds=given["wait_seconds"],
    )


def sync_arguments(given: dict[str, Any]) -> Arguments:
    """The given options that are arguments of `sync`; the others come from dlt's config."""
    arguments = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if name in Arguments.__annotations__ and value not in (None, ())
    }
    return cast(Arguments, arguments)
