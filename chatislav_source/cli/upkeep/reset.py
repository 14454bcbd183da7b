"""The command `reset`: forgets bots, so that the next sync reads them anew."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from chatislav_source.cli.exit_status import INCOMPLETE
from chatislav_source.cli.options import (
    bot_option,
    option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    resource_option,
    set_up_log,
)
from chatislav_source.cli.terminal.encoding import print_json

if TYPE_CHECKING:
    from chatislav_source.destinations.target import PipelineConfig

Counts = dict[int, dict[str, int]]
"""By bot and table, the number of rows."""


@click.command()
@bot_option
@resource_option
@option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
@pipeline_options
@output_options
def reset(as_json: bool, is_sure: bool, **given: Any) -> None:
    """Delete rows and state of a bot or resource, so that the next sync reads them anew.

    Without --bot-id, of every bot that this pipeline has loaded. The start date and the time zone
    are forgotten, too. Asks before it deletes anything. After an interruption, run it again.

    \b
    chatislav reset --bot-id 123
    chatislav reset --resource analytics --yes
    """
    from chatislav_source.cli import console
    from chatislav_source.runner.upkeep.reset import reset as run_reset

    verbosity = set_up_log(given)
    config = pipeline_config_of(given)
    streams: tuple[str, ...] = given["resources"]
    found = _found(config, given["bot_ids"], streams)
    if found and not (as_json or verbosity.quiet):
        names = ["bot", *next(iter(found.values()))]
        rows = [[bot_id, *counts.values()] for bot_id, counts in found.items()]
        console.rows("Rows to be deleted", names, rows)
    if found and not is_sure and not _is_confirmed(found, streams, config):
        console.error("Nothing was deleted.")
        sys.exit(INCOMPLETE)
    config.check()
    if found:
        run_reset(config.pipeline(), list(found), streams)
    if as_json:
        print_json({"deleted": {str(bot_id): counts for bot_id, counts in found.items()}})
    elif not verbosity.quiet:
        console.done(_result(found))


def _is_confirmed(found: Counts, streams: tuple[str, ...], config: PipelineConfig) -> bool:
    bots = ", ".join(map(str, found))
    what = " and ".join(streams)
    question = f"Delete the {what} of bot {bots}, and their state, from {config}?"
    return click.confirm(question, err=True)


def _result(found: Counts) -> str:
    if not found:
        return "Nothing to delete: this pipeline has loaded no such bot."
    rows = sum(sum(counts.values()) for counts in found.values())
    return f"{rows:,} rows and the state are deleted. The next sync reads them anew."


def _found(config: PipelineConfig, bot_ids: tuple[int, ...], streams: tuple[str, ...]) -> Counts:
    """The rows of each bot, by table: of those given, or of all that this pipeline has loaded.

    Tables that only some pipelines have are left out if they have none.
    """
    from chatislav_source.cli.status import looking, row_counts
    from chatislav_source.cli.stored_states import stored_bots
    from chatislav_source.records.schema import TABLES
    from chatislav_source.runner.upkeep.reset import TABLES_OF

    with looking(config) as pipeline:
        known = stored_bots(pipeline)
        bots = bot_ids or sorted({int(bot) for stream in streams for bot in known[stream]})
        tables = [table for stream in streams for table in reversed(TABLES_OF[stream])]
        with pipeline.sql_client() as client:
            counts = {table: row_counts(pipeline, client, table) for table in tables}
    shown = {table.name: rows for table, rows in counts.items() if rows or table in TABLES}
    return {bot: {name: rows.get(bot, 0) for name, rows in shown.items()} for bot in bots}
