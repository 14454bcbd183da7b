"""How often a sync opens a DuckDB file, and when other programs can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import dlt
import duckdb
import pytest

from chatislav_source import sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

MARK = "SET GLOBAL max_vacuum_tasks = 99"  # of a database that is open already
MARKED = "SELECT current_setting('max_vacuum_tasks') = 99"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows each time when a database file is opened that this process does not have open."""
    files: list[str] = []
    connect = duckdb.connect

    def counted(database: str, *args: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        connection = connect(database, *args, **options)
        if connection.execute(MARKED).fetchone() != (True,):
            files.append(database)
            connection.execute(MARK)
        return connection

    monkeypatch.setattr(duckdb, "connect", counted)
    return files


def test_a_sync_opens_the_file_at_its_start_and_end_and_at_most_twice_for_each_load(
    api: Sandbox, new_pipeline: Callable[..., dlt.Pipeline], opened: list[str]
) -> None:
    report = sync(new_pipeline(), api_key=SANDBOX_KEY, base_url=api.base_url, bot_ids=[101])

    assert report.complete
    assert len(opened) <= 2 + 2 * report.loads


def test_another_program_can_open_the_file_while_pages_are_waited_for(
    api: Sandbox, new_pipeline: Callable[..., dlt.Pipeline], tmp_path: Any
) -> None:
    file = tmp_path / "warehouse.duckdb"
    given = {"api_key": SANDBOX_KEY, "base_url": api.base_url, "bot_ids": [101]}
    sync(new_pipeline(), **given)
    found: list[int] = []

    def look(*_: object) -> None:
        code = f"import duckdb; duckdb.connect({str(file)!r}).close()"
        if not found:
            found.append(subprocess.run([sys.executable, "-c", code], check=False).returncode)

    sync(new_pipeline(), **given, on_progress=look)

    assert found == [0]
