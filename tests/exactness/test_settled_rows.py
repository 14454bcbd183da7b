"""The state says how many rows of settled days the tables hold, with as few loads as possible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.sandbox import World
from tests.exactness.truth import TODAY, Bench, bench, days_ago


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """Two bots of 40 days, of which a first sync settles eight or more."""
    world = World.generate((101, 102), conversations=80, days=40, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(40)) as each:
        yield each


def settled(made: Bench) -> dict[str, Any]:
    """By bot, what its state says."""
    return {bot_id: state["settled"] for bot_id, state in made.states().items()}


def counted(made: Bench) -> dict[str, Any]:
    """By bot, what its tables hold now."""
    stored = StoredTables(made.pipeline())
    return {
        bot_id: stored.settled(int(bot_id), date.fromisoformat(state["reread_from"]))
        for bot_id, state in made.states().items()
    }


def test_a_first_sync_is_one_load_whose_state_has_the_rows_that_it_settles(made: Bench) -> None:
    report = made.sync()

    assert report.loads == 1
    assert settled(made) == counted(made)
    assert all(each["conversations"] and each["messages"] for each in settled(made).values())


def test_rows_lost_right_after_a_first_sync_are_noticed(made: Bench) -> None:
    made.sync()
    with duckdb.connect(str(made.database)) as connection:
        connection.execute("DELETE FROM chatislav.conversations WHERE bot_id = 101")

    made.sync()

    assert made.differences() == []


def test_a_sync_whose_rows_are_not_settled_is_one_load(made: Bench) -> None:
    made.sync()
    made.world.add_conversation(101)

    report = made.sync()

    assert report.loads == 1
    assert made.differences() == []
    assert settled(made) == counted(made)


def test_rows_that_come_to_rows_of_settled_days_are_counted_after_their_load(made: Bench) -> None:
    made.sync(lookback_days=40)
    moment = datetime.combine(days_ago(38), time(12), UTC)
    made.world.add_conversation(101, createdAt=moment, lastActivity=moment)

    report = made.sync(lookback_days=2)

    assert report.loads == 2
    assert settled(made) == counted(made)
    assert made.differences() == []


def test_rows_that_steps_leave_out_are_not_counted(made: Bench) -> None:
    def half(table: pa.Table) -> pa.Table:
        return table.take(list(range(0, table.num_rows, 2)))

    report = made.sync(customize=lambda source: source.conversations.add_map(half))

    assert report.loads == 2
    assert settled(made) == counted(made)
    assert all(each["conversations"] for each in settled(made).values())
