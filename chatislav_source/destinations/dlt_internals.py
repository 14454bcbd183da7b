"""The names of dlt that are not public: nothing else in the package uses any.

Each stands here because dlt 1.31 has no public name for it; the exact release is pinned for them.
"""

from __future__ import annotations

from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import ConfigSectionContext
from dlt.destinations.impl.bigquery.bigquery_adapter import (
    CLUSTER_COLUMNS_HINT,
    PARTITION_HINT,
    TABLE_DESCRIPTION_HINT,
)
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.extract import DltResource
from dlt.pipeline import trace

__all__ = [
    "CLUSTER_COLUMNS_HINT",
    "PARTITION_HINT",
    "TABLE_DESCRIPTION_HINT",
    "DuckDbCredentials",
    "add_tracking_module",
    "clear_table_hints",
    "configured_pipeline_name",
]


def configured_pipeline_name() -> str | None:
    """The name of the pipeline for which dlt looks up a config value at the moment."""
    return Container()[ConfigSectionContext].pipeline_name


def add_tracking_module(module: Any) -> None:
    """Have dlt call `module` at the start and end of every step of every pipeline; once."""
    if module not in trace.TRACKING_MODULES:
        trace.TRACKING_MODULES.append(module)


def clear_table_hints(resource: DltResource) -> None:
    """Remove the hints per table that an earlier load has left in a resource."""
    resource._hints_variants.clear()
