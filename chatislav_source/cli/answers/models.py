"""The command `models`, and the option `--models` of a sync."""

from __future__ import annotations

from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

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
    import dlt

    from chatislav_source.views.warehouse import Views

models_option = option(
    "--models",
    "with_models",
    is_flag=True,
    help="Afterwards, make or replace the views of the ready models.",
)


@click.command()
@option("--schema", help="Schema of the views.  [default: the dataset and _models]")
@option(
    "--timezone",
    help="IANA zone of days, weeks and hours.  [default: that of dlt's config, else UTC]",
)
@pipeline_options
@output_options
def models(as_json: bool, schema: str | None, **given: Any) -> None:
    """Make the ready models as views in the warehouse, without dbt.

    Views that are there are replaced, so run it again after an upgrade. Reads and writes no rows.

    \b
    chatislav models
    chatislav models --destination postgres --schema answers --timezone Europe/Belgrade
    """
    from chatislav_source.views.warehouse import make_views

    verbosity = set_up_log(given)
    config = pipeline_config_of(given)
    config.require_database()
    config.check()
    with TemporaryDirectory(prefix="chatislav-") as folder:  # that of the pipeline may be in use
        pipeline = replace(config, pipelines_dir=folder).pipeline()
        views = make_views(pipeline, zone_of_models(given), schema)
    if as_json:
        print_json(views.as_dict())
    elif not verbosity.quiet:
        click.echo(as_text(views))


@dataclass(frozen=True)
class KeptViews:
    """The views after a sync, None if none were asked for or made; `problem` says why not made."""

    views: Views | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """What the JSON of a sync has beside the report; empty if no views were asked for."""
        if self.problem:
            return {"models": {"error": self.problem}}
        return {"models": self.views.as_dict()} if self.views else {}

    def show(self, is_quiet: bool) -> None:
        """Print the views unless `is_quiet`, and in any case the problem, to stderr."""
        if self.problem:
            click.echo(f"✗ models: {self.problem}", err=True)
        elif self.views and not is_quiet:
            click.echo(as_text(self.views))


def keep_views(pipeline: dlt.Pipeline, given: dict[str, Any]) -> KeptViews:
    """Make the views after a sync, if they were asked for."""
    from chatislav_source.views.warehouse import make_views

    if not given["with_models"]:
        return KeptViews()
    try:
        return KeptViews(make_views(pipeline, zone_of_models(given)))
    except ConfigurationError as error:  # the rows are loaded, so the sync itself has not failed
        return KeptViews(problem=str(error))


def zone_of_models(given: dict[str, Any]) -> str:
    """The zone of `--timezone`, else that of dlt's config, else UTC."""
    import dlt

    zone = given["timezone"] or dlt.config.get("sources.chatislav.timezone", str)
    return zone or "UTC"


def as_text(views: Views) -> str:
    """What was made, in a few lines."""
    from chatislav_source.views.compiled import PREFIX

    shown = [name for name in views.made if name.startswith(PREFIX)]
    lines = [f"✓ {len(shown)} models in {views.schema}, days in {views.timezone}:"]
    lines += [f"  {name}" for name in sorted(shown)]
    lines += [
        f"  {name} waits for the table {', '.join(tables)}"
        for name, tables in views.skipped.items()
        if name.startswith(PREFIX)
    ]
    return "\n".join(lines)
