"""How rows get into the destination: as Arrow, or as a file of JSON lines where Arrow loses.

Arrow has no JSON type, so dlt gives JSON to BigQuery and Snowflake as a string in quotes (or, as
parquet, not at all). dlt's own way from dicts to JSON lines is no better: it reads some texts as
its own marks and refuses large integers. So these two get a file that is written here.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.extract import DltResource

from chatislav_source.hints import hints_of
from chatislav_source.json_lines import json_lines
from chatislav_source.running import active_pipeline, kind_of_destination
from chatislav_source.tables import Table

JSON_LINES: Final = "jsonl"
FILE_FORMATS = {
    "bigquery": JSON_LINES,
    "snowflake": JSON_LINES,
    "postgres": "insert_values",  # with CSV, empty texts would become null
}
"""By dlt's name of the kind of destination; elsewhere dlt's choice for Arrow, which is parquet."""


class Landing:
    """Makes what a resource yields from Arrow tables; `folder` None: Arrow."""

    def __init__(self, file_format: str | None, folder: Path | None = None) -> None:
        self._file_format = file_format
        self._folder = folder
        self._files = 0

    def items(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        """The rows with their table's hints; none, unless the table must first be made."""
        if not rows.num_rows and table.name in dlt.current.source_schema().tables:
            return
        hints = hints_of(table, self._file_format)
        if self._folder is None:
            yield dlt.mark.with_hints(rows, hints, create_table_variant=True)
            return
        dlt.current.resource().merge_hints(hints, create_table_variant=True)
        file = self._written(self._folder, table, rows)
        yield dlt.mark.with_file_import(str(file), JSON_LINES, rows.num_rows, table)
        file.unlink()  # dlt has linked or copied it

    def _written(self, folder: Path, table: Table, rows: pa.Table) -> Path:
        self._files += 1
        file = folder / f"{table.name}.{self._files}.jsonl.gz"
        file.write_bytes(gzip.compress(json_lines(table, rows), compresslevel=1, mtime=0))
        return file


@contextmanager
def landing() -> Iterator[Landing]:
    """The way into the destination of the running pipeline; to be entered by a resource."""
    pipeline = active_pipeline()
    if pipeline is None or not _is_loading():
        yield Landing(None)
        return
    resource = dlt.current.resource()
    _forget_other_loads(resource)
    file_format = _file_format(pipeline, resource)
    if file_format != JSON_LINES:
        yield Landing(file_format)
        return
    # an imported file goes to the table that the resource names, so it names it per file
    resource.apply_hints(table_name=_table_name)
    folder = Path(pipeline.working_dir, "landing", resource.name)
    shutil.rmtree(folder, ignore_errors=True)  # of a load that was killed
    folder.mkdir(parents=True)
    try:
        yield Landing(file_format, folder)
    finally:
        shutil.rmtree(folder)


def _is_loading() -> bool:
    """Whether a pipeline takes what the resource yields; else somebody iterates over it."""
    return LoadPackageStateInjectableContext in Container()


def _file_format(pipeline: dlt.Pipeline, resource: DltResource) -> str | None:
    """The format that is exact there; None if the user asked for another one, or any will do."""
    best = FILE_FORMATS.get(kind_of_destination(pipeline))
    asked = resource.compute_table_schema().get("file_format")
    return best if asked in (None, "preferred", best) else None


def _forget_other_loads(resource: DltResource) -> None:
    """Undo what a load into another destination, with the same source object, has left."""
    resource._hints_variants.clear()
    if resource.has_dynamic_table_name:
        resource.apply_hints(table_name="")


def _table_name(item: Table) -> str:
    return item.name
