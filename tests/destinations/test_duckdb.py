"""New keys are appended, all others merged; in both cases each row is stored once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatislav_source import LoadFailedError
from chatislav_source.destinations.duckdb import has_append_mark
from chatislav_source.sandbox import World
from tests.exactness.truth import DATASET, TODAY, Bench, bench, days_ago


@pytest.fixture(autouse=True)
def always_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are appended too."""
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", 1)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """A bot with 40 conversations over 8 days, the first of them without messages."""
    world = World.generate((101,), conversations=40, days=8, last_day=TODAY, messages=3)
    world.change(101, str(world.conversations(101)[0]["sessionId"]), messages=[])
    with bench(tmp_path, world, start_date=days_ago(8)) as each:
        yield each


def merged_tables(made: Bench) -> list[str]:
    """The tables that the last load has merged."""
    tables = made.pipeline().default_schema.data_tables()
    return sorted(table["name"] for table in tables if table["write_disposition"] == "merge")


def test_a_first_load_is_appended(made: Bench) -> None:
    made.sync()

    assert merged_tables(made) == []
    assert made.differences() == []


def test_existing_rows_are_merged(made: Bench) -> None:
    made.sync()
    made.world.add_message(101, made.world.conversations(101)[-1]["sessionId"])

    made.sync()

    assert merged_tables(made) == ["analytics", "conversations", "conversations__messages"]
    assert made.differences() == []


@pytest.mark.slow
def test_removed_messages_are_deleted(made: Bench) -> None:
    made.sync()
    made.world.change(101, str(made.world.conversations(101)[-1]["sessionId"]), messages=[])

    made.sync()

    assert made.differences() == []


@pytest.mark.slow
def test_messages_without_their_conversation_are_not_appended_to(made: Bench) -> None:
    made.sync()
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(f"DELETE FROM {DATASET}.conversations")

    made.sync(end_date=TODAY)

    assert merged_tables(made) == ["conversations__messages"]  # analytics is unchanged
    assert made.differences() == []


def test_a_few_rows_are_merged(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", 100_000)

    made.sync()

    assert merged_tables(made) == ["analytics", "conversations", "conversations__messages"]
    assert made.differences() == []


def test_a_plain_run_merges_as_dlt_repeats_it_when_it_is_interrupted(made: Bench) -> None:
    from chatislav_source import chatislav

    made.pipeline().run(chatislav(**made.arguments()))

    assert merged_tables(made) == ["analytics", "conversations", "conversations__messages"]
    assert made.differences() == []


def test_an_append_that_was_interrupted_is_not_repeated(made: Bench) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    pipeline = made.pipeline()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatislav_source.runner.load_package.clear_append_mark", interrupt)
        with pytest.raises(KeyboardInterrupt):
            made.sync()
    assert has_append_mark(pipeline)

    made.sync()

    assert not has_append_mark(made.pipeline())
    assert made.differences() == []


def test_an_append_that_fails_is_read_again_and_merged(made: Bench) -> None:
    made.sync()
    with duckdb.connect(str(made.database)) as connection:
        messages = f"{DATASET}.conversations__messages"
        connection.execute(f"DELETE FROM {messages}")  # so that they can be appended
        # but do not fit
        connection.execute(f"ALTER TABLE {messages} ALTER content TYPE BIGINT USING 1")
    with pytest.raises(LoadFailedError, match="Nothing is lost"):
        made.sync(end_date=TODAY)
    assert not has_append_mark(made.pipeline())
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(f"ALTER TABLE {messages} ALTER content TYPE VARCHAR")

    made.sync(end_date=TODAY)

    assert made.differences() == []
