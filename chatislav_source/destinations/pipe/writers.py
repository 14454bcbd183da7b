"""The last step of each resource: it gives dlt the rows in the form that the destination needs.

Rows go through dlt's pipe as Arrow tables, on every destination, so that the steps of users see the
same everywhere. After these steps, dlt writes Arrow in the format of the destination, but for
BigQuery, Snowflake and Postgres: dlt knows no JSON type of Arrow, so it loads JSON into the first
two as a quoted string (or, as parquet, not at all), and not exactly into Postgres. dlt's own JSON
lines from dicts are not exact either: dlt reads some texts as its type marks and rejects large
integers. So these three get files, from `jsonl` and `parquet`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.pipeline import current_pipeline
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract import DltResource

from chatislav_source.destinations.adapter import Adapter, adapter_of
from chatislav_source.destinations.dlt_internals import (
    DataItemWithMeta,
    TableNameMeta,
    clear_table_hints,
    py_arrow_to_table_schema_columns,
)
from chatislav_source.destinations.duckdb import DispositionChooser
from chatislav_source.destinations.merging.hints import hints_of, refuse_hints
from chatislav_source.destinations.merging.strategies import (
    Strategy,
    configured_format,
    strategy_for,
)
from chatislav_source.destinations.pipe.jsonl import JSON_LINES, write_json_lines
from chatislav_source.destinations.pipe.parquet import PARQUET, write_parquet
from chatislav_source.destinations.pipe.tabular import arrow_tables
from chatislav_source.records.history.table import HISTORY_TABLES
from chatislav_source.records.rejected.table import ALL_TABLES, REJECTED
from chatislav_source.records.schema import ARROW_TYPES, DELETED, LOAD_ID, MESSAGES, Table

ROW_FILES = "chatislav_files"  # folder in the pipeline's folder; its files contain personal data


class RemovalMeta(TableNameMeta):
    """Marks an item whose rows only remove: messages of emptied conversations, repaired records."""


class Outlet:
    """The last step of one resource; `open` prepares it for the load that is being extracted.

    Outside of a load it passes every item on.
    """

    def __init__(self) -> None:
        self._writer: TableWriter | None = None

    def open(self, dispositions: DispositionChooser | None) -> bool:
        """Begin a load, and return whether a pipeline extracts it: a caller may only iterate.

        With `dispositions` rows may be appended: the caller must not repeat an interrupted append.

        Raises:
            ConfigurationError: the user gave the resource hints that cannot be honoured.
        """
        self._writer = _writer(dispositions) if _is_extracting() else None
        return self._writer is not None

    def item(self, table: Table, rows: pa.Table, removes: bool = False) -> Iterator[Any]:
        """The item that the resource yields for these rows; none if there is nothing to load.

        The name of the table is in the Arrow schema's metadata, and for dlt in the item's.
        """
        if not is_needed(table, rows, self._writer is not None):
            return
        meta = RemovalMeta(table.name) if removes else TableNameMeta(table.name)
        yield DataItemWithMeta(meta, rows.replace_schema_metadata({"table": table.name}))

    def __call__(self, item: Any, meta: Any) -> Any:
        """What dlt gets for an item that went through the user's steps."""
        name = getattr(meta, "table_name", None)
        table = next((table for table in ALL_TABLES if table.name == name), None)
        if self._writer is None or table is None:
            return item  # iteration, or a table of the user's own
        removes = isinstance(meta, RemovalMeta)
        if removes and not self._writer.removes_messages:
            return None
        items = [
            written
            for rows in arrow_tables(table, item)
            if is_needed(table, rows)
            and (written := self._writer.take(table, rows, removes)) is not None
        ]
        return items[0] if len(items) == 1 else _in_turn(items)

    def close(self) -> None:
        """The resource has yielded its last item, which its user's steps may still hold."""
        if self._writer is not None:
            self._writer.close()


def is_needed(table: Table, rows: pa.Table, is_loaded: bool = True) -> bool:
    """Whether rows must be loaded; an empty batch creates a table that does not exist yet.

    The table of rejected records is only made for its first row. A history is only ever an empty
    batch, so that this also creates its new columns.
    """
    if rows.num_rows or not is_loaded or table is REJECTED:
        return bool(rows.num_rows)
    stored = dlt.current.source_schema().tables.get(table.name)
    is_new = stored is None
    if stored and table in HISTORY_TABLES:
        is_new = any(column.name not in stored["columns"] for column in table.columns)
    return is_new


def _with(rows: pa.Table, column: str, value: Any) -> pa.Table:
    """The rows with a value in a column, which a step may have changed or removed."""
    values = pa.repeat(pa.scalar(value), rows.num_rows)
    if column in rows.column_names:
        return rows.set_column(rows.column_names.index(column), column, values)
    return rows.append_column(column, values)


def _in_turn(items: list[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, Iterator):
            yield from item
        else:
            yield item


class TableWriter:
    """Gives dlt the Arrow rows of one load; `file_format` None: dlt's choice.

    With `dispositions` a load may be appended; without, each is merged.
    """

    def __init__(
        self,
        resource: DltResource,
        adapter: Adapter,
        file_format: str | None,
        dispositions: DispositionChooser | None,
    ) -> None:
        self._resource = resource
        self._adapter = adapter
        self._file_format = file_format
        self._dispositions = dispositions
        self._load_id = dlt.current.load_package_state()["load_id"]
        self._table_format = resource.table_format or configured_format(current_pipeline())
        self._is_closed = False

    def strategy_for(self, table: Table) -> Strategy | None:
        """The strategy that merges the rows of a table; None if they are appended."""
        return strategy_for(current_pipeline(), table, self._table_format)

    @property
    def removes_messages(self) -> bool:
        """Whether rows can remove messages; elsewhere such rows would be stored as messages."""
        return self.strategy_for(MESSAGES) == "delete-insert"

    def take(self, table: Table, rows: pa.Table, removes: bool) -> Any:
        """The item for dlt, marked with the load and with whether the rows are removed.

        None if no table has the messages that the rows remove.
        """
        rows = _with(rows, LOAD_ID.name, self._load_id)
        return self._write(table, _with(rows, DELETED, True) if removes else rows, removes)

    def _write(self, table: Table, rows: pa.Table, removes: bool) -> Any:
        appends = False
        if self._dispositions is not None:
            self._dispositions.note(table, rows)
            # an item may come late, as steps of users may work on several at a time
            if self._is_closed or removes:
                appends = self._dispositions.appends(table)
        if removes and appends:
            return None
        return dlt.mark.with_hints(
            rows, self._hints(table, self._is_closed and appends), create_table_variant=True
        )

    def _hints(self, table: Table, appends: bool = False) -> Any:
        hint = self._file_format and (self._adapter.format_hint or self._file_format)
        strategy = None if appends else self.strategy_for(table)
        return hints_of(table, self._adapter, hint, self._table_format, strategy, self._resource)

    def close(self) -> None:
        """Choose the write disposition of each table, whose schema dlt stores after this."""
        self._is_closed = True
        if self._dispositions is None:
            return
        for table in self._dispositions.noted:
            if self._dispositions.appends(table):
                dlt.current.source_schema().update_table(
                    {"name": table.name, "columns": {}, "write_disposition": "append"}
                )


class FileWriter(TableWriter):
    """Gives dlt a file for each Arrow table, which is always merged."""

    def _write(self, table: Table, rows: pa.Table, removes: bool) -> Any:
        del removes  # merged, and so removed, as all rows
        return self._imported(table, rows)

    def _imported(self, table: Table, rows: pa.Table) -> Iterator[Any]:
        """The import of one file, which is deleted when dlt has a link or copy of it."""
        folder = row_files(self._resource)
        if self._file_format == JSON_LINES:
            path = write_json_lines(folder, table, rows)
        else:
            path = write_parquet(folder, table, rows, self._adapter.json_type)
        self._resource.merge_hints(self._hints(table), create_table_variant=True)
        own = {column.name for column in table.columns}
        added = [name for name in rows.column_names if name not in own]
        if added:  # by a step of the user; dlt takes no schema from a file
            columns = py_arrow_to_table_schema_columns(rows.select(added).schema)
            self._resource.apply_hints(
                table_name=table.name, columns=columns, create_table_variant=True
            )
        # dlt takes the table of an imported file from the name of the resource's table only
        self._resource.apply_hints(table_name=lambda item: item.name)
        try:
            file_format: Any = self._file_format
            yield dlt.mark.with_file_import(str(path), file_format, rows.num_rows, table)
        finally:
            self._resource.apply_hints(table_name="")
            path.unlink()


def row_files(resource: DltResource) -> Path:
    """The folder of the files of a load that is being extracted."""
    pipeline: Any = current_pipeline()
    return Path(pipeline.working_dir, ROW_FILES, resource.name)


def _writer(dispositions: DispositionChooser | None) -> TableWriter:
    """The writer for the destination of the running pipeline."""
    resource = dlt.current.resource()
    refuse_hints(resource)
    clear_table_hints(resource)  # of an earlier load, maybe into another destination
    shutil.rmtree(row_files(resource), ignore_errors=True)  # of a killed load
    pipeline = current_pipeline()
    adapter = adapter_of(pipeline)
    file_format = _file_format(adapter, resource)
    if pipeline is not None and file_format is not None:
        adapter.prepare(pipeline)
    has_json_type = adapter.json_type != ARROW_TYPES["json"]
    if file_format == JSON_LINES or (file_format == PARQUET and has_json_type):
        return FileWriter(resource, adapter, file_format, None)
    return TableWriter(resource, adapter, file_format, dispositions if adapter.can_append else None)


def _is_extracting() -> bool:
    """Whether a pipeline runs the resource; otherwise a caller only iterates over it."""
    try:
        dlt.current.load_package_state()
    except CurrentLoadPackageStateNotAvailable:
        return False
    return current_pipeline() is not None


def _file_format(adapter: Adapter, resource: DltResource) -> str | None:
    """The adapter's format; None if it has none, or if the user configured another one."""
    exact = adapter.file_format
    configured = resource.compute_table_schema().get("file_format")
    return exact if configured in (None, "preferred", exact) else None
