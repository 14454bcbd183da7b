"""The history has each version once in every warehouse, whenever it is turned on."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import sync
from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.erasure import Identity
from chatislav_source.privacy.hashing import Key, Keys
from chatislav_source.records.history.table import (
    ANALYTICS_HISTORY,
    CONVERSATIONS_HISTORY,
    HISTORIES,
    History,
)
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.runner.erasure.forget import forget
from chatislav_source.runner.upkeep.reset import reset
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from . import warehouses
from .conftest import WAREHOUSES
from .warehouses import Row, Warehouse

BOT = 101
DAY = TODAY - timedelta(days=2)
CHANGED, LATER, ERASED = "first'--", "ž later", "erased"


def versions(rows: list[Row], history: History) -> dict[tuple[Any, ...], list[Row]]:
    """By key of the row, its versions, oldest first; each begins where the former one ends."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["valid_from"]):
        found.setdefault(tuple(row[key] for key in history.of.keys), []).append(row)
    for of_one in found.values():
        assert [row["valid_to"] for row in of_one] == [
            *(later["valid_from"] for _, later in pairwise(of_one)),
            None,
        ]
        for former, later in pairwise(of_one):
            assert any(former[each.name] != later[each.name] for each in history.tracked)
    return found


@pytest.mark.parametrize("warehouse", mostly_slow(WAREHOUSES, "duckdb"), indirect=True)
def test_every_version_is_stored_once_from_the_rows_that_were_there_on(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    world = World.generate((BOT,), conversations=12, days=4, last_day=TODAY, messages=2)
    world.bots[BOT].is_voice = True  # its totals of voice are JSON
    for session_id in (CHANGED, LATER, ERASED):
        world.add_conversation(BOT, sessionId=session_id, resolutionStatus="resolved")
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        given |= {"bot_ids": [BOT], "start_date": days_ago(3)}
        pipeline = warehouse.pipeline(tmp_path, dataset)
        sync(pipeline, **given, resources=["conversations"])
        (before,) = rows_of(warehouse, pipeline, CONVERSATIONS.name, CHANGED)
        world.change(BOT, CHANGED, resolutionStatus="unresolved", helpful=None)

        assert sync(warehouse.pipeline(tmp_path, dataset), **given, history=True).complete

        first, second = rows_of(warehouse, pipeline, CONVERSATIONS_HISTORY.name, CHANGED)
        assert first["valid_from"] == before["synced_at"]
        assert [first["resolution_status"], second["resolution_status"]] == [
            "resolved",
            "unresolved",
        ]
        assert set(first) == {c.name for c in CONVERSATIONS_HISTORY.columns} - {"_dlt_load_id"}
        world.change(BOT, LATER, helpful=0, humanTakeover=True)
        world.change(BOT, CHANGED, feedbackComment="not a status")
        api.configure(analytics_restated={str(DAY): 5})

        sync(warehouse.pipeline(tmp_path, dataset), **given, history=True)

        for name, history in HISTORIES.items():
            current = warehouse.rows(pipeline, name)
            found = versions(warehouse.rows(pipeline, history.table.name), history)
            assert found.keys() == {tuple(row[key] for key in history.of.keys) for row in current}
            for row in current:
                newest = found[tuple(row[key] for key in history.of.keys)][-1]
                assert newest == newest | {c.name: row[c.name] for c in history.tracked}
        found = versions(
            warehouse.rows(pipeline, CONVERSATIONS_HISTORY.name), HISTORIES[CONVERSATIONS.name]
        )
        assert {key[1]: len(each) for key, each in found.items() if len(each) > 1} == {
            CHANGED: 2,
            LATER: 2,
        }
        days = warehouse.rows(pipeline, ANALYTICS_HISTORY.name)
        restated = versions(days, HISTORIES[ANALYTICS.name])[BOT, DAY, "all", "UTC"]
        former, now = (row["conversations__total"] for row in restated)
        assert now == former + 5
        assert restated[0]["voice"]

        keys = Keys(Key(b"k" * 32))
        forget(warehouse.pipeline(tmp_path, dataset), keys, [Identity("session_id", ERASED)])

        left = {row["session_id"] for row in warehouse.rows(pipeline, CONVERSATIONS_HISTORY.name)}
        assert left == {key[1] for key in found} - {ERASED}

        reset(warehouse.pipeline(tmp_path, dataset), [BOT], ["conversations", "analytics"])

        assert [warehouse.rows(pipeline, each.table.name) for each in HISTORIES.values()] == [
            [],
            [],
        ]


def rows_of(warehouse: Warehouse, pipeline: Any, table: str, session_id: str) -> list[Row]:
    """The rows of a conversation, oldest first."""
    rows = [row for row in warehouse.rows(pipeline, table) if row["session_id"] == session_id]
    return sorted(rows, key=lambda row: row.get("valid_from") or row["synced_at"])


@pytest.mark.parametrize("name", ["filesystem", "sqlite"])
def test_where_versions_cannot_be_kept_history_is_refused_before_anything_is_requested(
    tmp_path: Path, name: str
) -> None:
    pipeline = getattr(warehouses, name)(tmp_path / "target").pipeline(tmp_path)
    with Sandbox(World.generate((BOT,), conversations=1, days=1, last_day=TODAY)) as api:
        given = {"api_key": SANDBOX_KEY, "base_url": api.base_url}

        with pytest.raises(ConfigurationError, match="history to false"):
            sync(pipeline, bot_ids=[BOT], **given, history=True)

        assert api.count() == 0
