"""Fixtures: the golden rows and the views in one DuckDB file, for tests that only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dlt
import duckdb
import pytest

from chatislav_source.views.warehouse import make_views
from tests.views import golden

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="package")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Runs a query; names without a schema are those of the models."""
    folder = tmp_path_factory.mktemp("views")
    file = str(folder / "warehouse.duckdb")
    pipeline = dlt.pipeline(
        "golden",
        destination=dlt.destinations.duckdb(file),
        dataset_name="chatislav",
        pipelines_dir=str(folder),
    )
    golden.load(pipeline, golden.tables())
    make_views(pipeline, golden.TIMEZONE)
    with duckdb.connect(file, read_only=True) as connection:
        connection.execute("USE chatislav_models; SET timezone = 'UTC'")
        yield lambda query: connection.execute(query).fetchall()
