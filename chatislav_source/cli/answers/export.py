"""The command `export`: a model as a file, for people without SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chatislav_source.cli.options import (
    option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    set_up_log,
)
from chatislav_source.cli.terminal.encoding import print_json


@click.command()
@option("--model", required=True, help="Such as conversations, turns or daily.")
@option(
    "--out",
    "file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write or replace: .csv, .xlsx or .parquet.",
)
@option("--schema", help="Schema of the views.  [default: the dataset and _models]")
@pipeline_options
@output_options
def export(as_json: bool, model: str, file: Path, schema: str | None, **given: Any) -> None:
    """Write a ready model into a CSV, XLSX or parquet file.

    Needs the views of `chatislav models`. Only reads the warehouse, also during a sync. The file
    has what the model has, so it may hold personal data.

    \b
    chatislav export --model conversations --out conversations.xlsx
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.status import looking
    from chatislav_source.views.export import export_model

    verbosity = set_up_log(given)
    with looking(pipeline_config_of(given)) as pipeline:
        count = export_model(pipeline, model, file, schema)
    if as_json:
        print_json({"model": model, "file": str(file), "rows": count})
    elif not verbosity.quiet:
        console.done(f"{count:,} rows of {model} are in {file}.")
