"""The command `report`: one HTML file with charts, aggregates only."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from chatislav_source.cli.answers.models import zone_of_models
from chatislav_source.cli.options import (
    option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    set_up_log,
)
from chatislav_source.cli.terminal.encoding import print_json
from chatislav_source.errors import ConfigurationError

if TYPE_CHECKING:
    from chatislav_source.destinations.target import PipelineConfig
    from chatislav_source.report.facts import Facts

NEEDED = ("altair", "vl_convert", "yaml")
LEAST_DAYS, MOST_DAYS = 14, 3650


@click.command()
@option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default="chatislav_report.html",
    show_default=True,
    help="HTML file to write or replace.",
)
@option(
    "--days",
    type=click.IntRange(LEAST_DAYS, MOST_DAYS),
    default=90,
    show_default=True,
    help="The last days that have ended and are loaded.",
)
@option("--static", "is_static", is_flag=True, help="Charts as pictures, without any script.")
@option(
    "--timezone",
    help="IANA zone of days, weeks and hours.  [default: that of dlt's config, else UTC]",
)
@pipeline_options
@output_options
def report(as_json: bool, file: Path, days: int, is_static: bool, **given: Any) -> None:
    """Write one HTML file with charts of the conversations, to read anywhere and to mail.

    It needs no network, and has aggregates only: no text, number or name of a person. Only reads
    the warehouse, also during a sync; the views of `chatislav models` are not needed.

    \b
    chatislav report --out report.html
    chatislav report --days 28 --static
    """
    from chatislav_source.cli import console

    verbosity = set_up_log(given)
    require_extra()
    if not file.absolute().parent.is_dir():  # before the warehouse is asked
        raise ConfigurationError(f"There is no folder {file.absolute().parent}.")
    facts = _facts(pipeline_config_of(given), zone_of_models(given), days)
    write(facts, file, is_static)
    if as_json:
        print_json(_as_dict(facts, file))
    elif not verbosity.quiet:
        console.done(_sentence(facts, file))


def require_extra() -> None:
    """Check that what draws charts is installed.

    Raises:
        ConfigurationError: it is not.
    """
    if any(find_spec(name) is None for name in NEEDED):
        text = "The report needs more packages: pip install 'chatislav-source[report]'."
        raise ConfigurationError(text)


def write(facts: Facts, file: Path, is_static: bool) -> None:
    """Write the page into `file`; an existing file is replaced once the new one is complete.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    from chatislav_source.report.page import page
    from chatislav_source.views.export import replacing

    text = page(facts, datetime.now(UTC), is_static)
    with replacing(file) as unfinished:
        unfinished.write_text(text, "utf-8")


def _facts(config: PipelineConfig, timezone: str, days: int) -> Facts:
    from chatislav_source.cli.status import looking
    from chatislav_source.report.facts import ask_all
    from chatislav_source.runner.checkpoint import kept_from
    from chatislav_source.views.reading import reading

    with looking(config) as pipeline, reading(pipeline, timezone) as ask:
        today = datetime.now(ZoneInfo(timezone)).date()
        return ask_all(ask, timezone, days, today, kept_from(pipeline))


def _as_dict(facts: Facts, file: Path) -> dict[str, Any]:
    from chatislav_source.report.proof_line import proof_line

    proof = proof_line(facts)
    ends = [str(facts.span.first), str(facts.span.last)] if facts.span else [None, None]
    return {
        "file": str(file),
        "first_day": ends[0],
        "last_day": ends[1],
        "proof": {"is_good": proof.is_good, "text": proof.text},
    }


def _sentence(facts: Facts, file: Path) -> str:
    if facts.span is None:
        return f"{file} is written; no conversation is loaded yet."
    return f"The report of {facts.span.first} to {facts.span.last} is in {file}."
