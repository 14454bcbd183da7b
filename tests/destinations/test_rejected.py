"""Records that cannot be loaded are stored, kept and taken out in every warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatislav_source import sync
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.sandbox.rendering.bad_records import BAD_RECORDS
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from .conftest import WAREHOUSES
from .warehouses import Row, Warehouse


@pytest.mark.parametrize("warehouse", mostly_slow(WAREHOUSES, "postgres"), indirect=True)
def test_bad_records_are_stored_kept_as_they_are_and_taken_out_once_repaired(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    world = World.generate((101,), conversations=24, days=2, last_day=TODAY, messages=2)
    kinds = [kind for kind in BAD_RECORDS if kind != "null"]
    ids = [str(row["sessionId"]) for row in world.conversations(101)]
    bad = dict(zip(ids, kinds, strict=False))
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [101], "start_date": days_ago(2), "resources": ["conversations"]}
        sync(warehouse.pipeline(tmp_path, dataset), **given)
        assert "rejected" not in warehouse.pipeline(tmp_path, dataset).default_schema.tables
        first = ids[0]
        for session_id in ids[: len(kinds)]:
            world.change(101, session_id, touch=True, helpful=1)
        api.configure(bad_records=bad)

        pipeline = warehouse.pipeline(tmp_path, dataset)
        report = sync(pipeline, **given)

        rows = {row["rejected_id"]: row for row in warehouse.rows(pipeline, "rejected")}
        assert (report.complete, report.total("rejected"), len(rows)) == (True, len(bad), len(bad))
        assert all(set(row) == own_columns() for row in rows.values())
        (no_id,) = [row for row in rows.values() if _lacks_id(row)]
        assert no_id["raw"]["messages"][0]["id"]
        world.change(101, first, helpful=0)

        again = sync(warehouse.pipeline(tmp_path, dataset), **given)

        later = {row["rejected_id"]: row for row in warehouse.rows(pipeline, "rejected")}
        changed = [name for name in rows if later[name] != rows[name]]
        assert (again.total("rejected"), changed) == (len(bad), [no_id["rejected_id"]])
        assert later[changed[0]]["first_seen_at"] == no_id["first_seen_at"]
        api.configure(bad_records={})

        repaired = sync(warehouse.pipeline(tmp_path, dataset), **given)

        assert (repaired.total("rejected"), repaired.total("rows")) == (0, len(bad))
        assert warehouse.rows(pipeline, "rejected") == []
        stored = warehouse.rows(pipeline, "conversations")
        assert {row["session_id"] for row in stored} == set(ids)
        assert len(stored) == len(ids)


def own_columns() -> set[str]:
    return {column.name for column in REJECTED.columns if not column.name.startswith("_dlt_")}


def _lacks_id(row: Row) -> bool:
    return isinstance(row["raw"], dict) and "sessionId" not in row["raw"]
