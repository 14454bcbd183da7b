"""DuckDB gives memory back in the command line."""

from __future__ import annotations

from pathlib import Path

import dlt
import duckdb
import pytest

from chatislav_source import sync
from chatislav_source.destinations.duckdb_file.credentials import PatientPool
from chatislav_source.destinations.duckdb_file.limited_memory import KEPT_CACHE, LimitedMemory
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

from .warehouses import pipeline_of

KEPT_MEGABYTES = int(KEPT_CACHE.removesuffix("MB"))


@pytest.fixture
def pool(tmp_path: Path) -> PatientPool:
    """The connections of the command line to a new DuckDB file."""
    pool = pipeline_of(tmp_path).destination.config_params["credentials"].conn_pool
    assert isinstance(pool, PatientPool)
    return pool


def test_a_connection_begins_without_the_blocks_that_earlier_statements_have_cached(
    pool: PatientPool,
) -> None:
    earlier = pool.borrow_conn()
    earlier.execute("CREATE TABLE long AS SELECT md5(i::text) AS text FROM range(2_000_000) r(i)")
    earlier.execute("CHECKPOINT")
    earlier.execute("SELECT max(text) FROM long")
    assert cached_megabytes(earlier) > 2 * KEPT_MEGABYTES

    later = pool.borrow_conn()

    assert cached_megabytes(earlier) <= KEPT_MEGABYTES
    assert later.execute("SELECT current_setting('memory_limit')").fetchall() == [("183.1 MiB",)]
    pool.return_conn(later)
    pool.return_conn(earlier)


def cached_megabytes(connection: duckdb.DuckDBPyConnection) -> float:
    """What DuckDB holds of the blocks of tables."""
    query = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'BASE_TABLE'"
    [(size,)] = connection.execute(query).fetchall()
    return float(size) / 1e6


def test_a_connection_to_a_broken_database_does_not_keep_it_open(
    pool: PatientPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = pool.borrow_conn()

    def fail(*_: object) -> None:
        raise duckdb.FatalException("the database is invalid")

    with monkeypatch.context() as broken:
        broken.setattr(LimitedMemory, "drop_cache", fail)
        with pytest.raises(duckdb.FatalException):
            pool.borrow_conn()

    assert pool.return_conn(connection) == 0


def test_a_process_that_appends_leaves_joining_row_groups_to_the_next(
    tmp_path: Path, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", 1)
    pipeline = pipeline_of(tmp_path)
    assert vacuum_tasks(pipeline) > 0

    sync(pipeline, api_key=SANDBOX_KEY, base_url=api.base_url, bot_ids=[101])

    assert vacuum_tasks(pipeline) == 0
    assert vacuum_tasks(pipeline_of(tmp_path)) > 0


def vacuum_tasks(pipeline: dlt.Pipeline) -> int:
    """How often DuckDB may join row groups at a checkpoint."""
    with pipeline.sql_client() as client:
        [(tasks,)] = client.execute_sql("SELECT current_setting('max_vacuum_tasks')::INT") or []
    return int(tasks)
