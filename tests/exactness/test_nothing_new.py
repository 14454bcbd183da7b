"""A sync with nothing new writes nothing but its state, counted by DuckDB itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatislav_source.extract import load_limit
from chatislav_source.runner import run
from chatislav_source.sandbox import World
from tests.default_suite import mostly_slow
from tests.exactness.truth import TODAY, Bench, bench, days_ago

MAX_ADDED = 2_000  # bytes that an idle sync may add to the warehouse
MAX_STATE = 4_000  # bytes of the state of one bot
OF_DLT = ("_dlt_loads", "_dlt_pipeline_state")
ALL_TABLES = """
SELECT schema_name || '.' || table_name FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name LIKE 'chatislav%'
"""


def connected(made: Bench) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(made.database), read_only=True)


def stored_rows(made: Bench) -> dict[str, Any]:
    """By table of the dataset and of staging, its rows: number, first and last place, digest."""
    with connected(made) as connection:
        names = [name for (name,) in connection.execute(ALL_TABLES).fetchall()]
        query = "SELECT COUNT(*), MIN(rowid), MAX(rowid), BIT_XOR(HASH(t)) FROM {} t"
        return {name: connection.execute(query.format(name)).fetchone() for name in names}


def rows_of_dlt(made: Bench) -> dict[str, set[str]]:
    """By table that an idle sync adds to, its rows as JSON."""
    with connected(made) as connection:
        return {
            name: {
                row
                for (row,) in connection.execute(
                    f"SELECT to_json(t)::TEXT FROM chatislav.{name} t"
                ).fetchall()
            }
            for name in OF_DLT
        }


def sync_idly(made: Bench, history: bool) -> None:
    """A sync with nothing new, which must add no row but one of `_dlt_loads` and one state.

    Within a second of the last sync the state is the same, and not even these are added.
    """
    rows, of_dlt = stored_rows(made), rows_of_dlt(made)

    report = made.sync(history=history)

    added = {name: found - of_dlt[name] for name, found in rows_of_dlt(made).items()}
    assert report.complete
    assert report.total("rows") == report.total("messages") == 0
    assert {len(found) for found in added.values()} in ({0}, {report.loads})
    assert sum(len(row.encode()) for found in added.values() for row in found) <= MAX_ADDED
    ours = {name for name in rows if name.removeprefix("chatislav.") not in OF_DLT}
    assert {f"chatislav.{name}" for name in OF_DLT} == rows.keys() - ours
    assert {name: stored_rows(made)[name] for name in ours} == {name: rows[name] for name in ours}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("date_filter", "history"),
    mostly_slow([("activity", False), ("created", True)], ("created", True)),
)
@pytest.mark.parametrize("conversations", mostly_slow([10, 2_000], 10))
def test_nothing_new_writes_nothing_with_the_folder_and_without(
    tmp_path: Path, conversations: int, date_filter: str, history: bool
) -> None:
    world = World.generate((101,), conversations=conversations, days=2, last_day=TODAY, messages=2)
    sizes = []
    with bench(tmp_path, world, start_date=days_ago(2)) as made:
        made.api.configure(date_filter=date_filter)
        made.sync(
            on_progress=lambda _, page: sizes.append(len(json.dumps(page.checkpoint))),
            history=history,
        )

        sync_idly(made, history)
        shutil.rmtree(made.folder / "pipelines")
        sync_idly(made, history)

        assert made.differences() == []
        assert any("history" in name for name in stored_rows(made)) == history
        assert max(sizes) < MAX_STATE


@pytest.fixture
def page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bot whose load packages end with their first page, however fast that was fetched."""
    world = World.generate((101,), conversations=300, days=2, last_day=TODAY, messages=2)
    monkeypatch.setattr(load_limit, "PACKAGE_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.extract.page_groups.GROUP_BYTES", 1)
    with bench(tmp_path, world, start_date=days_ago(2)) as made:
        yield made


def test_a_package_without_rows_goes_on_so_that_an_idle_sync_is_one_load(
    page_by_page: Bench,
) -> None:
    first = page_by_page.sync()
    shutil.rmtree(page_by_page.folder / "pipelines")

    idle = page_by_page.sync()

    assert (first.loads > 1, idle.loads) == (True, 1)
    assert page_by_page.differences() == []


def test_a_package_without_rows_ends_at_last_so_that_its_progress_is_kept(
    page_by_page: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_by_page.sync()
    monkeypatch.setattr(run, "IDLE_SECONDS", 0.0)

    assert page_by_page.sync().loads > 1
