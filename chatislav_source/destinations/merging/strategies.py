"""The merge strategy of each table, by what dlt supports for a destination.

Where there is none, such as for plain files, rows are appended.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import dlt
from dlt.common.pipeline import SupportsPipeline

from chatislav_source.errors import ConfigurationError
from chatislav_source.records.schema import MESSAGES, Table

Strategy = Literal["upsert", "delete-insert"]

DIALECTS = ("duckdb", "postgres", "snowflake", "bigquery")
"""dlt's names of the dialects in which statements of our own are written."""

BY_KEY: tuple[Strategy, ...] = ("upsert", "delete-insert")
BY_SET: tuple[Strategy, ...] = ("delete-insert", "upsert")
"""In order of preference: messages are replaced together, as a conversation may have fewer now."""


def strategy_for(
    pipeline: SupportsPipeline | None, table: Table, table_format: Any = None
) -> Strategy | None:
    """The strategy to merge a table with; None if its rows can only be appended.

    `table_format` is that of the table, such as delta; None: the destination's own.
    """
    supported = _supported(pipeline, table_format)
    preferred = BY_SET if table is MESSAGES else BY_KEY
    return next((each for each in preferred if each in supported), None)


def configured_format(pipeline: SupportsPipeline | None) -> Any:
    """The table format in the destination's section of dlt's config, such as delta; else None."""
    if pipeline is None:
        return None
    return dlt.config.get(f"destination.{pipeline.destination.destination_name}.table_format")


def _supported(pipeline: SupportsPipeline | None, table_format: Any) -> list[str]:
    if pipeline is None:
        return list(BY_KEY)
    capabilities = _capabilities(pipeline.destination)
    strategies = capabilities.supported_merge_strategies or []
    select = capabilities.merge_strategies_selector
    schema: Any = {"table_format": table_format}
    return list(select(strategies, table_schema=schema) if select else strategies)


@lru_cache(maxsize=4)  # dlt resolves the destination's configuration for them
def _capabilities(destination: Any) -> Any:
    return destination.capabilities()


def can_delete(pipeline: SupportsPipeline) -> bool:
    """Whether rows of the destination can be deleted by SQL."""
    return strategy_for(pipeline, MESSAGES) == "delete-insert"


def require_delete(pipeline: SupportsPipeline, problem: str) -> None:
    """Check that rows of the destination can be deleted by SQL.

    Raises:
        ConfigurationError: they cannot; its text is `problem` with the destination's `{name}`.
    """
    if not can_delete(pipeline):
        raise ConfigurationError(problem.format(name=pipeline.destination.destination_name))


def require_dialect(pipeline: SupportsPipeline, problem: str) -> str:
    """The SQL dialect of the destination, one of `DIALECTS`, whose rows can be deleted.

    Raises:
        ConfigurationError: as `require_delete`, also if it is another dialect.
    """
    dialect = str(pipeline.destination.capabilities().sqlglot_dialect)
    if dialect not in DIALECTS or not can_delete(pipeline):
        raise ConfigurationError(problem.format(name=pipeline.destination.destination_name))
    return dialect
