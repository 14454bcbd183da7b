"""Writes rows for the destination: as files that dlt imports, or as Arrow tables.

Arrow has no JSON type, so dlt loads JSON into BigQuery and Snowflake as a quoted string (or, as
parquet, not at all). dlt's own JSON lines from dicts are not exact either: dlt reads some texts as
its type marks and rejects large integers. So this module writes JSON lines for these two. It writes
uncompressed parquet for DuckDB: it is read once, and compression takes longer than all other
writing. Every other destination gets Arrow, which dlt writes in the format it needs.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dlt.common.pipeline import current_pipeline
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract import DltResource

from chatislav_source.destinations.adapter import Adapter, adapter_of
from chatislav_source.destinations.dlt_internals import clear_table_hints
from chatislav_source.destinations.duckdb import PARQUET, DispositionChooser
from chatislav_source.destinations.hints import hints_of
from chatislav_source.destinations.jsonl import JSON_LINES, JsonLinesFile
from chatislav_source.records.schema import DELETED, MESSAGES, Table

ROW_FILES = "chatislav_files"  # folder in the pipeline's folder; its files contain personal data


class TableWriter(ABC):
    """Converts Arrow tables to items that a resource yields; `file_format` None: dlt's choice."""

    def __init__(self, adapter: Adapter, file_format: str | None) -> None:
        self._adapter = adapter
        self._file_format = file_format

    @abstractmethod
    def write(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        """Add rows; yields the items that are ready for dlt."""

    def flush(self) -> Iterator[Any]:
        """Yield the remaining items after the last rows."""
        yield from ()

    def close(self) -> None:  # noqa: B027 - a writer without files has nothing to close
        """Close the files; rows that were not yielded are lost."""


class ArrowWriter(TableWriter):
    """Yields the Arrow rows to dlt unchanged."""

    def write(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        if is_needed(table, rows):
            hints = hints_of(table, self._adapter, self._file_format)
            yield dlt.mark.with_hints(rows, hints, create_table_variant=True)


def is_needed(table: Table, rows: pa.Table) -> bool:
    """Whether rows must be loaded; an empty batch creates a table that does not exist yet."""
    return bool(rows.num_rows) or table.name not in dlt.current.source_schema().tables


class FileWriter(TableWriter):
    """Writes the rows of each table into one file, which dlt imports at the end.

    With `dispositions` a file may be appended; without, each is merged.
    """

    def __init__(
        self,
        adapter: Adapter,
        file_format: str,
        folder: Path,
        dispositions: DispositionChooser | None,
    ) -> None:
        super().__init__(adapter, file_format)
        self._folder = folder
        self._dispositions = dispositions
        self._files: dict[str, JsonLinesFile | ParquetFile] = {}

    def write(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        if table.name not in self._files:
            if not is_needed(table, rows):
                return
            self._files[table.name] = self._opened(table)
        self._files[table.name].write(rows)
        yield from ()

    def _opened(self, table: Table) -> JsonLinesFile | ParquetFile:
        if self._file_format == PARQUET:
            return ParquetFile(
                self._folder / f"{table.name}.parquet", table, self._adapter.json_type
            )
        return JsonLinesFile(self._folder / f"{table.name}.jsonl.gz", table)

    def flush(self) -> Iterator[Any]:
        for file in self._files.values():
            file.close()
            appends = self._appends(file)
            hint = self._adapter.format_hint or self._file_format
            hints = hints_of(file.table, self._adapter, hint, appends)
            dlt.current.resource().merge_hints(hints, create_table_variant=True)
            for path, count in file.parts(appends):
                yield dlt.mark.with_file_import(
                    str(path),
                    self._file_format,  # type: ignore[arg-type]
                    count,
                    file.table,
                )
                path.unlink()  # dlt has a link or copy of it

    def _appends(self, file: JsonLinesFile | ParquetFile) -> bool:
        if self._dispositions is None or isinstance(file, JsonLinesFile):
            return False
        return self._dispositions.appends(file.table, file.path, file.count)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class ParquetFile:
    """Rows of one table as parquet; each call of `write` adds a row group.

    Rows that only remove a conversation's messages are written into a separate file.
    """

    def __init__(self, path: Path, table: Table, json_type: pa.DataType) -> None:
        self.path, self.table, self.count = path, table, 0
        self._schema = _with_json(table, json_type)
        self._writer = _parquet_writer(path, self._schema)
        self._removals = table.arrow_schema.empty_table()

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        if self.table is MESSAGES:
            is_removal = pc.is_valid(rows[DELETED])
            self._removals = pa.concat_tables([self._removals, rows.filter(is_removal)])
            rows = rows.filter(pc.invert(is_removal)) if self._removals.num_rows else rows
        self.count += rows.num_rows
        self._writer.write_table(rows.cast(self._schema))

    def close(self) -> None:
        """Finish the file; closing again has no effect."""
        self._writer.close()

    def parts(self, appends: bool) -> Iterator[tuple[Path, int]]:
        """The files with their numbers of rows; an append has no rows that remove messages."""
        yield self.path, self.count
        if self._removals.num_rows and not appends:
            path = self.path.with_stem(f"{self.path.stem}.removals")
            with _parquet_writer(path, self._schema) as writer:
                writer.write_table(self._removals.cast(self._schema))
            yield path, self._removals.num_rows


def _with_json(table: Table, json_type: pa.DataType) -> pa.Schema:
    """The Arrow schema of a table with JSON columns of `json_type`."""
    fields = zip(table.columns, table.arrow_schema, strict=True)
    return pa.schema(
        [field.with_type(json_type) if c.data_type == "json" else field for c, field in fields]
    )


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path, schema, compression="none", use_dictionary=False, write_statistics=False
    )


@contextmanager
def open_writer(dispositions: DispositionChooser | None) -> Iterator[TableWriter]:
    """The writer for the destination of the running pipeline; a resource enters it.

    With `dispositions` rows may be appended: the caller must not repeat an interrupted append.
    """
    pipeline = current_pipeline()
    if pipeline is None or not _is_extracting():
        yield ArrowWriter(Adapter(), None)
        return
    resource = dlt.current.resource()
    _clear_earlier_load(resource)
    adapter = adapter_of(pipeline)
    file_format = _file_format(adapter, resource)
    if file_format not in (JSON_LINES, PARQUET):
        yield ArrowWriter(adapter, file_format)
        return
    adapter.prepare(pipeline)
    # an imported file is loaded into the resource's table, so the resource has a name per file
    resource.apply_hints(table_name=_table_name)
    with _empty_folder(Path(pipeline.working_dir, ROW_FILES, resource.name)) as folder:
        files = FileWriter(adapter, file_format, folder, dispositions)
        try:
            yield files
        finally:
            files.close()
            _clear_earlier_load(resource)  # outside of a load its table name must be constant


@contextmanager
def _empty_folder(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)  # of a killed load
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _is_extracting() -> bool:
    """Whether a pipeline runs the resource; otherwise a caller only iterates over it."""
    try:
        dlt.current.load_package_state()
    except CurrentLoadPackageStateNotAvailable:
        return False
    return True


def _file_format(adapter: Adapter, resource: DltResource) -> str | None:
    """The adapter's format; None if it has none, or if the user configured another one."""
    exact = adapter.file_format
    configured = resource.compute_table_schema().get("file_format")
    return exact if configured in (None, "preferred", exact) else None


def _clear_earlier_load(resource: DltResource) -> None:
    """Remove the hints that an earlier load, maybe into another destination, has added."""
    clear_table_hints(resource)
    if resource.has_dynamic_table_name:
        resource.apply_hints(table_name="")


def _table_name(item: Table) -> str:
    return item.name
