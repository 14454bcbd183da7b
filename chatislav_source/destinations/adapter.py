"""What is special about each kind of warehouse: one value for each, defaults for all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from dlt.common.pipeline import SupportsPipeline
from dlt.destinations.sql_client import SqlClientBase

from chatislav_source.records.schema import Column, Table

SqlClient = SqlClientBase[Any]
Statements = Callable[[SqlClient, Table], list[str]]
"""Gives the SQL statements that complete one table."""

WITH_ADAPTER = ("duckdb", "postgres", "snowflake", "bigquery")
"""dlt's names of the destinations that have a module here."""


@dataclass(frozen=True)
class Adapter:
    """A kind of warehouse; the defaults fit every destination of dlt.

    `file_format` is the one that loads every value without a change; None leaves it to dlt.
    `catalog` has the statements that follow a load which made or changed a table, by what they
    make. `can_append` says whether rows with new keys may be appended instead of merged.
    `version_problem` says why a server is too old; None where it is not.
    """

    file_format: str | None = None
    catalog: Mapping[str, Statements] = field(default_factory=dict)
    table_hints: Callable[[Table], dict[str, Any]] = lambda _: {}
    column_hints: Callable[[Table, Column], dict[str, Any]] = lambda *_: {}
    can_append: bool = False
    version_problem: Callable[[SqlClient], str | None] = lambda _: None


def adapter_of(pipeline: SupportsPipeline | None) -> Adapter:
    """The adapter of the destination that a pipeline loads into, whatever the user calls it."""
    destination_type = pipeline.destination.destination_type if pipeline else ""
    name = destination_type.rpartition(".")[2]
    if name not in WITH_ADAPTER:
        return Adapter()
    adapter: Adapter = import_module(f"{__package__}.{name}").ADAPTER  # its client is heavy
    return adapter
