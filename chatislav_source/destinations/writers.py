"""How rows get into the destination: as a file that is written here, or as Arrow.

Arrow has no JSON type, so dlt gives JSON to BigQuery and Snowflake as a string in quotes (or, as
parquet, not at all). dlt's own way from dicts to JSON lines is no better: it reads some texts as
its own marks and refuses large integers. So these two get JSON lines that are written here.
DuckDB gets parquet that is written here: what is read once needs no compression, which takes
longer than the rest of writing it. All else gets Arrow, of which dlt makes what it needs.
"""

from __future__ import annotations

import gzip
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dlt.common.configuration.container import Container
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.extract import DltResource

from chatislav_source.destinations.dlt_internals import active_pipeline, kind_of_destination
from chatislav_source.destinations.duckdb import Appending
from chatislav_source.destinations.duckdb_memory import HeaviestRows
from chatislav_source.destinations.hints import hints_of
from chatislav_source.destinations.jsonl import json_lines
from chatislav_source.records.schema import DELETED, MESSAGES, Table

JSON_LINES: Final = "jsonl"
PARQUET: Final = "parquet"
FILE_FORMATS = {
    "bigquery": JSON_LINES,
    "duckdb": PARQUET,
    "snowflake": JSON_LINES,
    "postgres": "insert_values",  # with CSV, empty texts would become null
}
"""By dlt's name of the kind of destination; elsewhere dlt's choice for Arrow, which is parquet."""


class TableWriter(ABC):
    """Makes what a resource yields from Arrow tables; `file_format` None: dlt's choice."""

    def __init__(self, file_format: str | None) -> None:
        self._file_format = file_format

    @abstractmethod
    def items(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        """What can be yielded of these rows by now."""

    def rest(self) -> Iterator[Any]:
        """What is left to be yielded when all rows were given."""
        yield from ()

    def close(self) -> None:  # noqa: B027 - nothing is open where nothing is written
        """Let go of what is open; what was not yielded is lost."""


class ArrowWriter(TableWriter):
    """Hands the rows on as they are."""

    def items(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        if is_needed(table, rows):
            hints = hints_of(table, self._file_format)
            yield dlt.mark.with_hints(rows, hints, create_table_variant=True)


def is_needed(table: Table, rows: pa.Table) -> bool:
    """Whether rows must be loaded: also none at all, if they make the table."""
    return bool(rows.num_rows) or table.name not in dlt.current.source_schema().tables


class FileWriter(TableWriter):
    """Writes the rows of each table into one file, which dlt takes over at the end.

    With `appending` a file may be appended, else it is merged.
    """

    def __init__(self, file_format: str, folder: Path, appending: Appending | None = None) -> None:
        super().__init__(file_format)
        self._folder = folder
        self._appending = appending
        self._files: dict[str, JsonLinesFile | ParquetFile] = {}

    def items(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        if table.name not in self._files:
            if not is_needed(table, rows):
                return
            self._files[table.name] = self._opened(table)
        self._files[table.name].write(rows)
        yield from ()

    def _opened(self, table: Table) -> JsonLinesFile | ParquetFile:
        if self._file_format == PARQUET:
            return ParquetFile(self._folder / f"{table.name}.parquet", table)
        return JsonLinesFile(self._folder / f"{table.name}.jsonl.gz", table)

    def rest(self) -> Iterator[Any]:
        for file in self._files.values():
            file.close()
            appends = self._appends(file)
            hints = hints_of(file.table, self._file_format, appends)
            dlt.current.resource().merge_hints(hints, create_table_variant=True)
            for path, count in file.parts(appends):
                yield dlt.mark.with_file_import(
                    str(path),
                    self._file_format,  # type: ignore[arg-type]
                    count,
                    file.table,
                )
                path.unlink()  # dlt has linked or copied it

    def _appends(self, file: JsonLinesFile | ParquetFile) -> bool:
        if self._appending is None or isinstance(file, JsonLinesFile):
            return False
        return self._appending.appends(file.table, file.path, file.count, file.heaviest.bytes)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class ParquetFile:
    """Rows of one table as parquet; each call of `write` makes a row group.

    Rows that only clear a conversation's messages have a file of their own.
    """

    def __init__(self, path: Path, table: Table) -> None:
        self.path, self.table, self.count = path, table, 0
        self.heaviest = HeaviestRows()
        self._writer = _parquet_writer(path, table)
        self._clearing = table.arrow_schema.empty_table()

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        if self.table is MESSAGES:
            clears = pc.is_valid(rows[DELETED])
            self._clearing = pa.concat_tables([self._clearing, rows.filter(clears)])
            rows = rows.filter(pc.invert(clears)) if self._clearing.num_rows else rows
        self.count += rows.num_rows
        self.heaviest.add(rows)
        self._writer.write_table(rows)

    def close(self) -> None:
        """Finish the file; more than once does no harm."""
        self._writer.close()

    def parts(self, appends: bool) -> Iterator[tuple[Path, int]]:
        """The files with their rows; where they are appended there is nothing to clear."""
        yield self.path, self.count
        if self._clearing.num_rows and not appends:
            path = self.path.with_stem(f"{self.path.stem}.clearing")
            with _parquet_writer(path, self.table) as writer:
                writer.write_table(self._clearing)
            yield path, self._clearing.num_rows


def _parquet_writer(path: Path, table: Table) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path, table.arrow_schema, compression="none", use_dictionary=False, write_statistics=False
    )


class JsonLinesFile:
    """Rows of one table as JSON lines."""

    def __init__(self, path: Path, table: Table) -> None:
        self.path, self.table, self.count = path, table, 0
        self._file = gzip.open(path, "wb", compresslevel=1)  # noqa: SIM115 - see `close`

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        self.count += rows.num_rows
        self._file.write(json_lines(self.table, rows))

    def close(self) -> None:
        """Finish the file; more than once does no harm."""
        self._file.close()

    def parts(self, appends: bool) -> Iterator[tuple[Path, int]]:
        """The one file with its rows."""
        del appends  # nobody asks for it
        yield self.path, self.count


@contextmanager
def landing(appending: Appending | None) -> Iterator[TableWriter]:
    """The way into the destination of the running pipeline; to be entered by a resource.

    With `appending` whoever runs the pipeline sees to it that no append is repeated.
    """
    pipeline = active_pipeline()
    if pipeline is None or not _is_loading():
        yield ArrowWriter(None)
        return
    resource = dlt.current.resource()
    _forget_loads(resource)
    file_format = _file_format(pipeline, resource)
    if file_format not in (JSON_LINES, PARQUET):
        yield ArrowWriter(file_format)
        return
    # an imported file goes to the table that the resource names, so it names it per file
    resource.apply_hints(table_name=_table_name)
    folder = Path(pipeline.working_dir, "landing", resource.name)
    shutil.rmtree(folder, ignore_errors=True)  # of a load that was killed
    folder.mkdir(parents=True)
    files = FileWriter(file_format, folder, appending)
    try:
        yield files
    finally:
        files.close()
        shutil.rmtree(folder)
        _forget_loads(resource)  # whoever asks the resource for its table gets a name again


def _is_loading() -> bool:
    """Whether a pipeline takes what the resource yields; else somebody iterates over it."""
    return LoadPackageStateInjectableContext in Container()


def _file_format(pipeline: dlt.Pipeline, resource: DltResource) -> str | None:
    """The format that is exact there; None if the user asked for another one, or any will do."""
    best = FILE_FORMATS.get(kind_of_destination(pipeline))
    asked = resource.compute_table_schema().get("file_format")
    return best if asked in (None, "preferred", best) else None


def _forget_loads(resource: DltResource) -> None:
    """Undo what a load, perhaps into another destination, has left in a source object."""
    resource._hints_variants.clear()
    if resource.has_dynamic_table_name:
        resource.apply_hints(table_name="")


def _table_name(item: Table) -> str:
    return item.name
