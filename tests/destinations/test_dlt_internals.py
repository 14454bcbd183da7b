"""The package uses public names of dlt; the few that are not public stand in one module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import chatislav_source

PACKAGE = Path(chatislav_source.__file__).parent
INTERNALS = PACKAGE / "destinations" / "dlt_internals.py"
USERS = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != INTERNALS and re.search("^ *(from|import) dlt", path.read_text("utf-8"), re.M)
]

PUBLIC = {
    "dlt",
    "dlt.common.configuration",
    "dlt.common.configuration.exceptions",
    "dlt.common.configuration.providers",
    "dlt.common.configuration.specs",
    "dlt.common.destination.client",
    "dlt.common.destination.exceptions",
    "dlt.common.exceptions",
    "dlt.common.pipeline",
    "dlt.common.schema.typing",
    "dlt.common.storages.exceptions",
    "dlt.common.typing",
    "dlt.destinations",
    "dlt.destinations.exceptions",
    "dlt.destinations.sql_client",
    "dlt.extract",
    "dlt.pipeline.exceptions",
}
"""Modules of dlt that its documentation, its exports or its own sources use; with their names."""

NOT_PUBLIC = {
    "dlt.common.runtime.collector.NullCollector",
    "dlt.common.storages.load_package.LoadPackageInfo",
    "dlt.common.versioned_state.decompress_state",
    "dlt.destinations.fs_client.FSClientBase",
    "dlt.destinations.impl.duckdb.configuration.DuckDbConnectionPool",
    "dlt.destinations.impl.postgres.sql_client.Psycopg2SqlClient",
    "dlt.destinations.job_client_impl.SqlJobClientBase",
    "dlt.common.configuration.container.Container",
    "dlt.common.libs.pyarrow.py_arrow_to_table_schema_columns",
    "dlt.common.schema.exceptions.SchemaException",
    "dlt.destinations.impl.bigquery.bigquery_adapter.CLUSTER_COLUMNS_HINT",
    "dlt.destinations.impl.bigquery.bigquery_adapter.PARTITION_HINT",
    "dlt.destinations.impl.bigquery.bigquery_adapter.TABLE_DESCRIPTION_HINT",
    "dlt.destinations.impl.duckdb.configuration.DuckDbCredentials",
    "dlt.destinations.impl.postgres.postgres.PostgresParquetCopyJob",
    "dlt.extract.items.DataItemWithMeta",
    "dlt.extract.items.TableNameMeta",
    "dlt.extract.items_transform.ItemTransform",
    "dlt.load.configuration.LoaderConfiguration",
    "dlt.normalize.configuration.NormalizeConfiguration",
    "dlt.pipeline.trace",
    "._bind_dataset_name",
    "._build_schema_update_sql",
    "._get_destination_clients",
    "._hints_variants",
    "._ingest_per_rowgroup",
    "._load_table",
}
"""All that `dlt_internals` uses of dlt's insides."""


def not_public(path: Path) -> Iterator[str]:
    """Names that a file imports from modules of dlt that are not public, and its private names."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            yield from (name for name in names if is_dlts(name) and name not in PUBLIC)
        elif isinstance(node, ast.ImportFrom) and is_dlts(node.module or ""):
            names = {alias.name for alias in node.names}
            yield from (
                f"{node.module}.{name}"
                for name in names
                if node.module not in PUBLIC or name.startswith("_")
            )
        elif is_private_attribute(node):
            yield f".{node.attr}"  # type: ignore[attr-defined]


def is_dlts(module: str) -> bool:
    """Whether a module is one of dlt's."""
    return module.partition(".")[0] == "dlt"


def is_private_attribute(node: ast.AST) -> bool:
    """Whether a private name is taken from something other than `self` or `cls`."""
    if not isinstance(node, ast.Attribute) or not node.attr.startswith("_"):
        return False
    if node.attr == "_fields":  # of a named tuple, and documented
        return False
    is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    return not is_own and not node.attr.startswith("__")


def test_the_names_that_are_not_public_are_these() -> None:
    assert set(not_public(INTERNALS)) == NOT_PUBLIC


@pytest.mark.parametrize("path", USERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_other_module_uses_public_names_only(path: Path) -> None:
    assert set(not_public(path)) == set()
