"""The command `check`."""

from __future__ import annotations

import sys
from typing import Any

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


@click.command()
@api_options
@option(
    "--explore",
    "is_exploring",
    is_flag=True,
    help="Also say which open questions of the API the first bot settles; 8 requests at most.",
)
@pipeline_options
@output_options
def check(as_json: bool, is_exploring: bool, **given: Any) -> None:
    """Check that the key is accepted, each bot readable and the destination writable.

    Creates the dataset if it does not exist, and a small table that it drops afterwards.

    \b
    chatislav check --bot-id 123
    chatislav check --bot-id 123 --explore
    """
    from chatislav_source.cli.access.bots import check_bots
    from chatislav_source.cli.access.destination import check_destination
    from chatislav_source.cli.access.explore import explore
    from chatislav_source.cli.access.output import check_results, findings_of
    from chatislav_source.configured import sync_config

    verbosity = set_up_log(given)
    pipeline_config = pipeline_config_of(given)
    config = sync_config(pipeline_config.pipeline_name, **sync_arguments(given))
    pipeline_config.check()
    results = [*check_bots(config), check_destination(pipeline_config)]
    findings = explore(config) if is_exploring and results[0].problem is None else []
    if as_json:
        print_json([r.as_dict() for r in results] + [f.as_dict() for f in findings])
    else:
        check_results([r for r in results if r.problem or not verbosity.quiet])
        findings_of(config.bot_ids[0], [] if verbosity.quiet else findings)
    sys.exit(INCOMPLETE if any(result.problem for result in results) else COMPLETE)
