"""The views in a warehouse: made, replaced, and left out where a table is missing."""

from __future__ import annotations

from pathlib import Path

import dlt
import duckdb
import pytest

from chatislav_source.errors import ConfigurationError
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.views.compiled import dialect_of
from chatislav_source.views.warehouse import make_views
from tests.views import golden


@pytest.fixture
def loaded(pipeline: dlt.Pipeline) -> dlt.Pipeline:
    """A pipeline whose dataset has one conversation and one day of analytics."""
    rows = golden.tables()
    golden.load(pipeline, {name: table[:1] for name, table in rows.items()})
    return pipeline


def ask(folder: Path, query: str) -> list[tuple[object, ...]]:
    """The rows of a query on the file of the pipeline."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        return connection.execute(query).fetchall()


def test_views_of_an_earlier_version_are_replaced(loaded: dlt.Pipeline, tmp_path: Path) -> None:
    ask(tmp_path, "CREATE SCHEMA chatislav_models")
    ask(tmp_path, "CREATE VIEW chatislav_models.chatislav__daily AS SELECT 1 AS old")

    views = make_views(loaded, "UTC")

    assert views.schema == "chatislav_models"
    assert ask(tmp_path, "SELECT conversations FROM chatislav_models.chatislav__daily") == [(1,)]


def test_a_view_that_cannot_be_made_leaves_the_others_as_they_were(
    loaded: dlt.Pipeline, tmp_path: Path
) -> None:
    make_views(loaded, "UTC", "answers")
    ask(tmp_path, "DROP VIEW answers.chatislav__daily")
    ask(tmp_path, "CREATE TABLE answers.chatislav__daily AS SELECT 1 AS mine")

    with pytest.raises(ConfigurationError, match="could not all be made"):
        make_views(loaded, "Europe/Belgrade", "answers")

    assert ask(tmp_path, "FROM answers.chatislav__daily") == [(1,)]
    (sql,) = ask(
        tmp_path,
        "SELECT sql FROM duckdb_views() WHERE view_name = 'stg_chatislav__conversations'",
    )
    assert "Belgrade" not in str(sql)


def test_models_wait_for_tables_that_are_not_loaded(pipeline: dlt.Pipeline) -> None:
    rows = golden.tables()
    golden.load(pipeline, {ANALYTICS.name: rows[ANALYTICS.name]})

    views = make_views(pipeline, "UTC")

    shown = [name for name in views.made if name.startswith("chatislav__")]
    assert shown == ["chatislav__analytics", "chatislav__credits"]
    assert views.skipped["chatislav__contacts"] == [CONVERSATIONS.name]
    assert views.skipped["chatislav__daily"] == ["conversations", "conversations__messages"]


def test_reconciliation_is_shown_once_its_table_exists(
    loaded: dlt.Pipeline, tmp_path: Path
) -> None:
    ask(
        tmp_path,
        """
        CREATE TABLE chatislav.reconciliation AS
        SELECT 1::BIGINT AS bot_id, DATE '2026-10-20' AS date, 'all' AS channel,
            'conversations.total' AS metric, 'UTC' AS timezone, 3.0 AS api_value,
            2.0 AS counted_value, 1.0 AS difference, 'created day, UTC' AS definition,
            'missing' AS status, now() AS first_seen_at, now() AS checked_at,
            1::BIGINT AS heal_attempts, NULL::TIMESTAMPTZ AS healed_at
        """,
    )

    assert make_views(loaded, "UTC").skipped == {}

    columns = "day, difference, is_equal, is_different"
    (row,) = ask(tmp_path, f"SELECT {columns} FROM chatislav_models.chatislav__reconciliation")
    assert row[1:] == (1, 0, 1)


@pytest.mark.parametrize(
    ("timezone", "schema", "message"),
    [("Mars/Base", None, "not an IANA zone"), ("UTC", 'a"b', "no plain name")],
)
def test_a_zone_or_schema_with_no_valid_name_is_refused(
    loaded: dlt.Pipeline, timezone: str, schema: str | None, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_views(loaded, timezone, schema)


def test_a_dataset_without_tables_is_refused(pipeline: dlt.Pipeline) -> None:
    with pytest.raises(ConfigurationError, match="no table of Chatislav yet"):
        make_views(pipeline, "UTC")


def test_a_warehouse_that_has_no_dialect_is_refused() -> None:
    assert dialect_of("dlt.destinations.motherduck") == "duckdb"
    with pytest.raises(ConfigurationError, match="no SQL for mssql"):
        dialect_of("dlt.destinations.mssql")
