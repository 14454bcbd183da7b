"""The totals of periods are stored, kept as they are and read back in every warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatislav_source import sync
from chatislav_source.config import ANALYTICS_PERIODS
from chatislav_source.records.periods.table import ANALYTICS_PERIODS as PERIODS_TABLE
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago

from .warehouses import Warehouse

OF_DLT = {"_dlt_load_id", "_dlt_id"}


def test_periods_are_stored_once_and_only_those_that_are_not_final_are_read_again(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    world = World.generate((101,), conversations=24, days=12, last_day=TODAY, messages=2)
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101], "start_date": days_ago(10), "resources": ["analytics"]}
        given |= {"analytics_periods": list(ANALYTICS_PERIODS)}
        pipeline = warehouse.pipeline(tmp_path, dataset)

        report = sync(pipeline, **given)

        rows = warehouse.rows(pipeline, PERIODS_TABLE.name)
        assert report.complete
        assert len({tuple(row[key] for key in PERIODS_TABLE.keys) for row in rows}) == len(rows)
        assert report.total("periods") == len(rows)
        assert set(rows[0]) == {column.name for column in PERIODS_TABLE.columns} - OF_DLT
        current = [row for row in rows if not row["is_final"]]
        world.add_conversation(101)

        later = sync(warehouse.pipeline(tmp_path, dataset), **given)

        new = warehouse.rows(pipeline, PERIODS_TABLE.name)
        assert later.total("periods") == 5
        assert later.total("unchanged") == len(current) - 5 + 7
        assert total(new) == total(rows) + 5
        assert len(new) == len(rows)


def total(rows: list[dict[str, Any]]) -> int:
    """The conversations of all periods."""
    return sum(int(row["conversations__total"]) for row in rows)
