"""The adapters: the differences between destinations, with defaults for unknown ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pyarrow as pa
from dlt.common.pipeline import SupportsPipeline
from dlt.destinations.sql_client import SqlClientBase

from chatislav_source.destinations.concurrency.leases import Leases
from chatislav_source.destinations.concurrency.lock import BotLocks, Owner
from chatislav_source.destinations.dlt_internals import SqlJobClientBase
from chatislav_source.records.schema import ARROW_TYPES, Column, Table

SqlClient = SqlClientBase[Any]
Statements = Callable[[SqlClient, Table], list[str]]
"""Returns the SQL statements that complete one table."""

Indexes = Callable[[SqlClient, Table], dict[str, str]]
"""Returns the statements that create the missing indexes of one table, by the index's name."""

WITH_ADAPTER = ("duckdb", "postgres", "snowflake", "bigquery", "ducklake", "sqlalchemy")
"""dlt's names of the destinations that have a module here."""


@dataclass(frozen=True)
class Adapter:
    """The properties of one kind of destination; the defaults fit every destination of dlt.

    `file_format` is the format that loads every value unchanged; None is the choice of dlt. It is
    also the `file_format` hint of the tables, unless `format_hint` is another. `json_type` is the
    Arrow type of JSON in parquet. `prepare` is called with the pipeline before rows are written.
    `catalog` has, by the kind of object (such as comments), the statements that are run after a
    load that created or changed a table; `indexes` are created before a load. With `can_append`
    rows with new keys may be appended instead of merged. `json_text` is the SQL for the text of a
    JSON `{column}`, by which values are compared. `version_problem` returns why a server is too
    old, None if it is not. `locks` makes the locks of a run; None if the destination has only
    one writer anyway.
    """

    file_format: str | None = None
    format_hint: str | None = None
    json_type: pa.DataType = ARROW_TYPES["json"]
    prepare: Callable[[SupportsPipeline], None] = lambda _: None
    catalog: Mapping[str, Statements] = field(default_factory=dict)
    indexes: Indexes | None = None
    table_hints: Callable[[Table], dict[str, Any]] = lambda _: {}
    column_hints: Callable[[Table, Column], dict[str, Any]] = lambda *_: {}
    can_append: bool = False
    json_text: str = "CAST({column} AS VARCHAR)"
    version_problem: Callable[[SqlClient], str | None] = lambda _: None
    locks: Callable[[SqlJobClientBase, Owner], BotLocks] | None = Leases


def is_duckdb_file(pipeline: SupportsPipeline) -> bool:
    """Whether a pipeline's destination is a DuckDB file."""
    return pipeline.destination.destination_type.endswith(".duckdb")


def adapter_of(pipeline: SupportsPipeline | None) -> Adapter:
    """The adapter for a pipeline's destination type; the default without a pipeline."""
    destination_type = pipeline.destination.destination_type if pipeline else ""
    name = destination_type.rpartition(".")[2]
    if name not in WITH_ADAPTER:
        return Adapter()
    adapter: Adapter = import_module(
        f"{__package__}.{name}"
    ).ADAPTER  # imported late, as its client is large
    return adapter
