"""`verify` counts the same in each warehouse, finds a lost row, and loads it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import dlt
import pytest

from chatislav_source import sync
from chatislav_source.cli.status import statuses
from chatislav_source.configured import sync_config
from chatislav_source.privacy.erasure import Identity
from chatislav_source.privacy.hashing import Key, Keys
from chatislav_source.proof.definitions import METRICS, TOTAL
from chatislav_source.proof.healing import heal
from chatislav_source.proof.result import Verification
from chatislav_source.proof.verification import verify_tables
from chatislav_source.proof.warehouse import Warehouse as Queries
from chatislav_source.runner.erasure.forget import forget
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from . import warehouses
from .conftest import WAREHOUSES
from .warehouses import Warehouse

BOT = 101
ZONE = "Asia/Kathmandu"  # 5:45 hours before UTC
DAYS = 19


def made_world() -> World:
    """A bot with 25 conversations a day."""
    return World.generate((BOT,), conversations=DAYS * 25, days=DAYS, last_day=TODAY, messages=3)


def arguments_of(api: Sandbox) -> dict[str, Any]:
    """What the bot is synced with; the API counts by the day of activity, messages when sent."""
    api.configure(analytics_date="activity", analytics_messages="sent")
    return {
        "bot_ids": [BOT],
        "api_key": SANDBOX_KEY,
        "base_url": api.base_url,
        "start_date": days_ago(DAYS + 1),
        "timezone": ZONE,
        "analytics_lookback_days": 1,
        "guardrail_flags": True,
    }


@pytest.mark.parametrize("warehouse", mostly_slow(WAREHOUSES, "duckdb"), indirect=True)
def test_a_lost_conversation_is_found_and_loaded_again(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    world = made_world()
    pipeline = warehouse.pipeline(tmp_path)
    with Sandbox(world) as api:
        arguments = arguments_of(api)
        assert sync(pipeline, **arguments).complete
        lost = chosen(world)
        sessions = [str(row["sessionId"]) for row in world.conversations(BOT)]

        at_first = verify_tables(pipeline, datetime.now(UTC), DAYS)
        loads = number_of_loads(warehouse, pipeline)
        with patch.object(Queries, "_rows", autospec=True, side_effect=Queries._rows) as asked:
            again = verify_tables(pipeline, datetime.now(UTC), DAYS)
        loads_again = number_of_loads(warehouse, pipeline)
        for table in ("conversations", "conversations__messages"):
            name = warehouse.qualified(pipeline, table)
            warehouse.execute(pipeline, f"DELETE FROM {name} WHERE session_id = '{lost}'")
        damaged = verify_tables(pipeline, datetime.now(UTC), DAYS)
        api.reset_counts()
        healed = heal(pipeline, sync_config("test", **arguments), DAYS)
        requests = api.count()

    assert (at_first.is_true, at_first.is_yesterday_true) == (True, True)
    assert {verdict.is_proven for verdict in at_first.bots[0].verdicts.values()} == {True}
    assert at_first.bots[0].verdicts[TOTAL].chosen.words == f"activity day, {ZONE}"
    assert flagged_of(at_first) == sum(world.is_flagged(BOT, each) for each in sessions) > 0
    assert (again.is_true, asked.call_count) == (True, 1)
    assert loads_again == loads  # nothing has changed, so nothing is written
    assert not damaged.is_true
    assert [row.difference for row in damaged.bots[0].differences if row.metric == TOTAL] == [-1]
    assert healed.is_true
    assert healed.bots[0].healed_days == 1
    assert requests == healed.requests <= 20
    healed_at = values(warehouse, pipeline, "reconciliation", "healed_at")
    assert sum(each is not None for each in healed_at) == len(damaged.bots[0].differences)
    assert len(values(warehouse, pipeline, "definitions", "metric")) == len(METRICS)


def flagged_of(result: Verification) -> int:
    """The conversations with guardrail events of all days."""
    (bot,) = result.bots
    candidate = replace(bot.verdicts[TOTAL].chosen, count="flagged")
    days = [TODAY - timedelta(days=number) for number in range(-1, DAYS + 1)]
    return sum(bot.counts.counted(candidate, day, "all") for day in days)


def chosen(world: World) -> str:
    """A conversation in the middle that lies within one day, at whatever time the test runs."""
    middle = datetime.now(UTC) - timedelta(days=DAYS // 2)
    rows = [row for row in world.conversations(BOT) if len(days_of(row)) == 1]
    return str(min(rows, key=lambda row: abs(row["lastActivity"] - middle))["sessionId"])


def days_of(row: dict[str, Any]) -> set[date]:
    """The days of a conversation in the zone of the totals."""
    moments = [row["createdAt"], row["lastActivity"]]
    moments += [message["createdAt"] for message in row["messages"]]
    return {moment.astimezone(ZoneInfo(ZONE)).date() for moment in moments}


def number_of_loads(warehouse: Warehouse, pipeline: dlt.Pipeline) -> int:
    """The completed loads."""
    return len(values(warehouse, pipeline, "_dlt_loads", "load_id"))


def values(warehouse: Warehouse, pipeline: dlt.Pipeline, table: str, column: str) -> list[Any]:
    """The values of a column."""
    name = warehouse.qualified(pipeline, table)
    return [row[column] for row in warehouse.execute(pipeline, f"SELECT {column} FROM {name}")]


@pytest.mark.slow
def test_an_erased_conversation_is_not_missed(tmp_path: Path) -> None:
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world = made_world()
    keys = Keys(Key(b"k" * 32))
    with Sandbox(world) as api:
        arguments = arguments_of(api) | {"privacy": {"key": "k" * 32}}
        sync(warehouse.pipeline(tmp_path, "chatislav"), **arguments)
        at_first = verify_tables(warehouse.pipeline(tmp_path, "chatislav"), datetime.now(UTC), DAYS)
        erased = chosen(world)

        forget(warehouse.pipeline(tmp_path, "chatislav"), keys, [Identity("session_id", erased)])
        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        after = verify_tables(pipeline, datetime.now(UTC), DAYS)
        name = warehouse.qualified(pipeline, "conversations")
        warehouse.execute(
            pipeline, f"DELETE FROM {name} WHERE session_id = '{another(world, erased)}'"
        )
        damaged = verify_tables(pipeline, datetime.now(UTC), DAYS)

    proven = {verdict.is_proven for verdict in at_first.bots[0].verdicts.values()}
    assert (at_first.is_true, proven) == (True, {True})
    assert (after.is_true, after.bots[0].verdicts[TOTAL].is_proven) == (True, True)
    assert [row.difference for row in after.bots[0].rows if row.metric == TOTAL].count(-1) == 1
    assert not damaged.is_true


@pytest.mark.slow
def test_days_of_which_rows_were_deleted_for_their_age_are_not_compared(tmp_path: Path) -> None:
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world = made_world()
    with Sandbox(world) as api:
        arguments = arguments_of(api)
        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        sync(pipeline, **arguments)
        name = warehouse.qualified(pipeline, "conversations")
        verify_tables(pipeline, datetime.now(UTC), DAYS)  # proves how the API counts
        old = world.conversations(BOT)[60]["sessionId"]  # of a day that differs from now on
        warehouse.execute(pipeline, f"DELETE FROM {name} WHERE session_id = '{old}'")
        before = verify_tables(pipeline, datetime.now(UTC), DAYS)

        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        sync(pipeline, **arguments, retention_days=6)
        after = verify_tables(pipeline, datetime.now(UTC), DAYS)

        found = statuses(warehouse.pipeline(tmp_path, "chatislav"), datetime.now(UTC))
    assert [row.difference for row in before.bots[0].differences if row.metric == TOTAL] == [-1]
    assert after.is_true
    assert min(after.bots[0].days) == TODAY - timedelta(days=5)
    assert found[0].kept_from == days_ago(6)
    assert not {"differs", "unexplained", "unproven"} & found[0].verified.keys()


def another(world: World, session_id: str) -> str:
    """Another conversation of the same day."""
    rows = {str(row["sessionId"]): row["lastActivity"].date() for row in world.conversations(BOT)}
    return next(each for each in rows if each != session_id and rows[each] == rows[session_id])
