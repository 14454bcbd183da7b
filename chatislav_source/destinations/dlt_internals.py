"""The names of dlt that are not public; no other module uses such names.

dlt has no public equivalent for them. The tests run on the oldest and the newest dlt that
`pyproject.toml` allows; a later release that changes one of these names is noticed here only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import ConfigSectionContext
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from dlt.common.runtime.collector import NullCollector
from dlt.common.schema.exceptions import SchemaException
from dlt.common.storages.load_package import LoadPackageInfo
from dlt.common.versioned_state import decompress_state
from dlt.destinations.fs_client import FSClientBase
from dlt.destinations.impl.bigquery.bigquery_adapter import (
    CLUSTER_COLUMNS_HINT,
    PARTITION_HINT,
    TABLE_DESCRIPTION_HINT,
)
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool, DuckDbCredentials
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract import DltResource
from dlt.extract.items import DataItemWithMeta, TableNameMeta
from dlt.extract.items_transform import ItemTransform
from dlt.load.configuration import LoaderConfiguration
from dlt.normalize.configuration import NormalizeConfiguration
from dlt.pipeline import trace

__all__ = [
    "CLUSTER_COLUMNS_HINT",
    "DUCKDB_FILE_KEY",
    "PARTITION_HINT",
    "TABLE_DESCRIPTION_HINT",
    "DataItemWithMeta",
    "DuckDbConnectionPool",
    "DuckDbCredentials",
    "FSClientBase",
    "LastStep",
    "LoadPackageInfo",
    "LoaderConfiguration",
    "NormalizeConfiguration",
    "NullCollector",
    "SchemaException",
    "SqlJobClientBase",
    "TableNameMeta",
    "TrackingModule",
    "add_tracking_module",
    "bound_duckdb_file",
    "clear_table_hints",
    "configured_pipeline_name",
    "copy_row_groups",
    "create_table",
    "decompress_state",
    "is_psycopg2",
    "postgres_client",
    "py_arrow_to_table_schema_columns",
]

DUCKDB_FILE_KEY = "duckdb_database"
"""Of the local state of a pipeline: the file that dlt opens unless an absolute path is given."""


class LastStep(ItemTransform[Any, Any]):
    """A step of a resource that stays behind all steps that users add, also behind their limit."""

    placement_affinity = 2  # dlt's own limit, the last of its steps, has 1.1

    def __call__(self, item: Any, meta: Any = None) -> Any:
        """What the function makes of the item."""
        return self._f_meta(item, meta)


def configured_pipeline_name() -> str | None:
    """The name of the pipeline for which dlt is resolving a config value."""
    return Container()[ConfigSectionContext].pipeline_name


def bound_duckdb_file(destination: Any) -> str | None:
    """The file that a pipeline's destination has from the local state; None if there was none."""
    file: str | None = destination.config_params.get("legacy_db_path")
    return file


def is_psycopg2(client: Any) -> bool:
    """Whether an SQL client of dlt connects to Postgres with psycopg2."""
    from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

    return isinstance(client, Psycopg2SqlClient)


def postgres_client(url: str, dataset: str, schema: Any) -> SqlJobClientBase:
    """A client of dlt for a dataset in a Postgres database."""
    destination = dlt.destinations.postgres(url)
    config = destination.spec()._bind_dataset_name(dataset)
    client: SqlJobClientBase = destination.client(schema, config)
    return client


def create_table(pipeline: dlt.Pipeline, schema: dlt.Schema, table: str) -> None:
    """Create a table of a schema in the destination, without a load."""
    client: Any
    client, _ = pipeline._get_destination_clients(schema)
    with client:
        statements, _ = client._build_schema_update_sql(list(client.get_storage_tables([table])))
        client.sql_client.execute_many(statements)


class TrackingModule:
    """What dlt calls at the start and end of every step of every pipeline; ignores its errors.

    Here each call does nothing.
    """

    def on_start_trace(self, trace: Any, step: str, pipeline: Any) -> None:
        """A run, or a step that is called alone, begins."""

    def on_start_trace_step(self, trace: Any, step: str, pipeline: Any) -> None:
        """A step begins."""

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """A step has ended."""

    def on_end_trace(self, trace: Any, pipeline: Any, send_state: bool) -> None:
        """A run, or a step that was called alone, has ended."""


def add_tracking_module(module: TrackingModule) -> None:
    """Register a module that dlt calls at the start and end of every step; only once."""
    if module not in trace.TRACKING_MODULES:
        trace.TRACKING_MODULES.append(module)


def clear_table_hints(resource: DltResource) -> None:
    """Remove the hints per table that an earlier load added to a resource."""
    resource._hints_variants.clear()


def copy_row_groups(applies: Callable[[Any], bool]) -> None:
    """Have dlt copy parquet into Postgres by row group, for the tables to which this applies.

    For other tables dlt reads a whole file into memory and copies it at once. Both are one
    transaction.
    """
    from dlt.destinations.impl.postgres.postgres import PostgresParquetCopyJob

    by_table = property(lambda job: applies(job._load_table))
    PostgresParquetCopyJob._ingest_per_rowgroup = by_table  # type: ignore[assignment]
