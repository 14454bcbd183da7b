"""The models in every warehouse: the same rows in, the same answers out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source.report.facts import ask_all
from chatislav_source.views.compiled import models_of
from chatislav_source.views.reading import reading
from chatislav_source.views.warehouse import make_views
from tests.views import golden

from .conftest import WAREHOUSES
from .warehouses import Warehouse, duckdb

MODELS = [model.name for model in models_of("duckdb") if not model.name.endswith("reconciliation")]

DAYS_OF_REPORT = 60
PAGE = Path(__file__).parents[2] / "docs" / "dashboards.md"
DASHBOARDS = dict(
    re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?^```sql\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S
    )
)
"""By title, the queries of the page on dashboards."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answers of DuckDB, by model."""
    folder = tmp_path_factory.mktemp("expected")
    return dict(answers(duckdb(folder / "expected.duckdb"), folder))


@pytest.mark.parametrize(
    "warehouse",
    [*WAREHOUSES, pytest.param("ducklake", marks=pytest.mark.slow)],
    indirect=True,
)
def test_the_same_rows_give_the_same_answers_in_every_warehouse(
    warehouse: Warehouse, tmp_path: Path, expected: dict[str, Any]
) -> None:
    for name, rows in answers(warehouse, tmp_path):
        assert rows == expected[name], name
        assert rows, name


def answers(warehouse: Warehouse, folder: Path) -> Iterator[tuple[str, Any]]:
    """Load the golden rows, make views, replace old ones, and yield the rows of each model.

    Then the questions of the page on dashboards, where their SQL is understood; at last, what a
    report asks of the models without their views.
    """
    pipeline = warehouse.pipeline(folder)
    golden.load(pipeline, golden.tables())
    assert make_views(pipeline, "UTC").skipped == {"chatislav__reconciliation": ["reconciliation"]}
    _make_older(warehouse, pipeline)
    views = make_views(pipeline, golden.TIMEZONE)
    assert sorted(views.made) == sorted(MODELS)
    for name in MODELS:
        yield name, _rows(warehouse, pipeline, views.schema, name)
    if warehouse.name in ("duckdb", "postgres"):
        for title, query in DASHBOARDS.items():
            yield title, _answer(warehouse, pipeline, views.schema, query)
    with reading(pipeline, golden.TIMEZONE) as ask:
        yield "report", ask_all(ask, golden.TIMEZONE, DAYS_OF_REPORT, golden.SYNCED_AT.date())


def _answer(
    warehouse: Warehouse, pipeline: dlt.Pipeline, schema: str, query: str
) -> list[tuple[Any, ...]]:
    """The rows of a question on the last day of the golden rows; numbers to 6 digits."""
    with pipeline.sql_client() as client, client.with_alternative_dataset_name(schema):
        names = {name: client.make_qualified_table_name(name) for name in MODELS}
    for name, qualified in names.items():
        query = re.sub(rf"\bchatislav_models\.{name}\b", qualified, query)
    today = f"DATE '{golden.SYNCED_AT.date()}'"
    found = warehouse.execute(pipeline, query.replace("CURRENT_DATE", today))
    return [
        tuple(
            (column, float(f"{value:.6g}") if isinstance(value, int | float) else value)
            for column, value in ((name, _plain(value)) for name, value in row.items())
        )
        for row in found
    ]


def _make_older(warehouse: Warehouse, pipeline: dlt.Pipeline) -> None:
    """Let the view that no other reads have other columns, as in an earlier version."""
    schema = f"{pipeline.sql_client().dataset_name}_models"
    with pipeline.sql_client() as client, client.with_alternative_dataset_name(schema):
        name = client.make_qualified_table_name("chatislav__daily")
    for statement in (f"DROP VIEW {name}", f"CREATE VIEW {name} AS SELECT 1 AS old"):
        warehouse.execute(pipeline, statement)


def _rows(
    warehouse: Warehouse, pipeline: dlt.Pipeline, schema: str, model: str
) -> list[tuple[Any, ...]]:
    """The rows of a model, by key: (column, value) pairs with whole numbers and instants in UTC."""
    with pipeline.sql_client() as client, client.with_alternative_dataset_name(schema):
        name = client.make_qualified_table_name(model)
    found = warehouse.execute(pipeline, f"SELECT * FROM {name}")
    return sorted(
        (tuple((column, _plain(value)) for column, value in row.items()) for row in found),
        key=lambda row: [str(value) for _, value in row[:5]],
    )


def _plain(value: Any) -> Any:
    """A value as each client could have given it."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return value
