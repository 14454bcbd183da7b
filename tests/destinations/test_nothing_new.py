"""A sync with nothing new writes nothing but its state, counted by Postgres itself."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow
from tests.soon import soon

from . import warehouses
from .conftest import new_database
from .warehouses import Warehouse

OF_DLT = ("_dlt_loads", "_dlt_pipeline_state")
MAX_ADDED = 2_000  # bytes
# not the server's own workers: a vacuum may be slow, and counts nothing that is compared
OTHERS = """
SELECT state, query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend'
"""
WRITES = """
SELECT schemaname || '.' || relname AS name, n_tup_ins, n_tup_upd, n_tup_del
FROM pg_stat_user_tables WHERE schemaname LIKE '{dataset}%%'
"""
PLACES = "SELECT md5(string_agg(xmin::text || ctid::text, ' ' ORDER BY ctid)) AS digest FROM {name}"
ADDED = """
SELECT sum(size) AS size FROM (
  SELECT length(s::text) AS size FROM {dataset}._dlt_pipeline_state s WHERE _dlt_load_id = '{id}'
  UNION ALL SELECT length(l::text) FROM {dataset}._dlt_loads l WHERE load_id = '{id}'
) added
"""


@pytest.fixture
def postgres(postgres_url: str) -> Warehouse:
    """A database of its own, to which no other test has left a connection."""
    return warehouses.postgres(new_database(postgres_url))


def rows_and_writes(postgres: Warehouse, pipeline: dlt.Pipeline) -> dict[str, Any]:
    """By table of the dataset and of staging, its rows inserted, updated and deleted ever.

    And a digest of the transaction and place of each row, which any write of a row changes.
    """
    # a connection's writes are counted when it has ended
    with pipeline.sql_client() as client:  # one for all looks, which would see each other
        left = partial(client.execute_sql, OTHERS)
        assert soon(lambda: not left()), left()
    found = postgres.execute(pipeline, WRITES.format(dataset=pipeline.dataset_name))
    tables = [row for row in found if row["name"].split(".")[1] not in OF_DLT]
    return {
        row["name"]: (row, postgres.execute(pipeline, PLACES.format(name=row["name"])))
        for row in tables
    }


@pytest.mark.parametrize("date_filter", mostly_slow(["activity", "created"], "activity"))
@pytest.mark.parametrize("conversations", mostly_slow([10, 2_000], 10))
def test_nothing_new_writes_nothing_with_the_folder_and_without(
    postgres: Warehouse, tmp_path: Path, conversations: int, date_filter: str
) -> None:
    world = World.generate((101,), conversations=conversations, days=2, last_day=TODAY, messages=2)
    dataset = postgres.new_dataset()
    with Sandbox(world) as api:
        api.configure(date_filter=date_filter)
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101], "start_date": days_ago(2)}
        sync(postgres.pipeline(tmp_path, dataset), **given)
        for is_lost in (False, True):
            if is_lost:
                shutil.rmtree(tmp_path / "test")
            pipeline = postgres.pipeline(tmp_path, dataset)
            before = rows_and_writes(postgres, pipeline)

            report = sync(pipeline, **given)

            assert report.complete
            assert report.total("unchanged") >= conversations
            assert rows_and_writes(postgres, pipeline) == before
            assert added_bytes(postgres, pipeline) <= MAX_ADDED
    assert len([name for name in before if "_staging" in name]) > 0


def added_bytes(postgres: Warehouse, pipeline: dlt.Pipeline) -> int:
    """The size of the rows that dlt added with the last load."""
    last = f"SELECT max(load_id) AS id FROM {pipeline.dataset_name}._dlt_loads"
    load_id = postgres.execute(pipeline, last)[0]["id"]
    size = ADDED.format(dataset=pipeline.dataset_name, id=load_id)
    return int(postgres.execute(pipeline, size)[0]["size"])
