"""Fixtures: rows for a report in one DuckDB file, and what the models answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
import pytest

from chatislav_source.report.facts import Facts, ask_all
from chatislav_source.views.reading import ModelReader, reading
from chatislav_source.views.warehouse import make_views
from tests.report import made_up
from tests.views import golden

Ask = Callable[[str], list[tuple[Any, ...]]]
MADE_AT = datetime(2026, 11, 15, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="package")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> dlt.Pipeline:
    """The rows of `made_up`, in a DuckDB file with the views."""
    folder = tmp_path_factory.mktemp("report")
    pipeline = dlt.pipeline(
        "made_up",
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="chatislav",
        pipelines_dir=str(folder),
    )
    golden.load(pipeline, made_up.tables())
    make_views(pipeline, golden.TIMEZONE)
    return pipeline


@pytest.fixture(scope="package")
def reader(pipeline: dlt.Pipeline) -> Iterator[ModelReader]:
    """Answers queries on the models."""
    with reading(pipeline, golden.TIMEZONE) as ask:
        yield ask


@pytest.fixture(scope="package")
def facts(reader: ModelReader) -> Facts:
    """What a report of all days shows."""
    return ask_all(reader, golden.TIMEZONE, 90, made_up.TODAY)


@pytest.fixture(scope="package")
def ask(pipeline: dlt.Pipeline) -> Iterator[Ask]:
    """Runs a query on the views."""
    with pipeline.sql_client() as client:
        yield lambda query: client.execute_sql(query.replace("FROM ", "FROM chatislav_models."))
