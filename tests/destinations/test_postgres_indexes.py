"""Postgres: unique keys are there before the first row, and hold ids of any length."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import chatislav
from chatislav_source.records.sanitize import session_key
from chatislav_source.sandbox import Sandbox

from . import meeting, warehouses
from .meeting import BOT, CONVERSATIONS, Meeting
from .telling import KilledError, killed_at

KEYS = {
    "conversations__unique_key",
    "conversations__by_session",
    "conversations__messages__by_session",
    "analytics__by_key",
}
LONG = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(256))  # of 16 kB
ROWS = 100_000
STAGED = 20


@pytest.fixture
def met(postgres_url: str, tmp_path: Path) -> Iterator[Meeting]:
    """Nothing is loaded yet."""
    postgres = warehouses.postgres(postgres_url)
    with Sandbox(meeting.small_world()) as api:
        made = Meeting(postgres, postgres_url, api, tmp_path, postgres.new_dataset())
        with made.pool:
            yield made


def indexes(met: Meeting) -> set[str]:
    """The indexes of our tables."""
    found = (
        "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND tablename NOT LIKE '\\_dlt%%'"
    )
    names = {name for (name,) in met.asked(found, met.dataset)}
    return {name for name in names if not name.endswith("_dlt_id_key")}


def test_unique_keys_are_there_before_the_first_row(met: Meeting) -> None:
    with killed_at("load_single_package"), pytest.raises(KilledError):
        met.run("first")

    assert indexes(met) == KEYS
    assert met.asked(f"SELECT * FROM {met.dataset}.conversations") == []


def test_dlt_still_reports_the_tables_it_would_have_created(met: Meeting) -> None:
    info = met.pipeline("first").run(chatislav(**met.arguments()))

    created = info.load_packages[0].schema_update
    assert {"conversations", "conversations__messages", "analytics"} <= set(created)
    assert "session_id" in created["conversations"]["columns"]


def test_a_unique_key_that_cannot_be_made_is_tried_again(
    met: Meeting, caplog: pytest.LogCaptureFixture
) -> None:
    met.run("first")
    table = f"{met.dataset}.conversations"
    met.asked(f"DROP INDEX {met.dataset}.conversations__unique_key")
    met.asked(f"INSERT INTO {table} SELECT * FROM {table} WHERE ctid = '(0,1)'")
    met.change("new")
    with caplog.at_level(logging.WARNING, "chatislav_source"):
        met.run("first")  # a sync removes what is stored twice
    assert (
        "The index conversations__unique_key of conversations could not be created" in caplog.text
    )
    assert "UniqueViolation" in caplog.text
    assert indexes(met) == KEYS - {"conversations__unique_key"}

    same = "a.session_id = b.session_id AND a.ctid > b.ctid"
    met.asked(f"DELETE FROM {table} a USING {table} b WHERE {same}")
    met.sync("first")

    assert indexes(met) == KEYS


def test_the_indexes_of_an_older_version_are_replaced(met: Meeting) -> None:
    met.run("first")
    met.asked(f"DROP INDEX {met.dataset}.conversations__unique_key")
    met.asked(
        f"CREATE UNIQUE INDEX conversations__by_key ON {met.dataset}.conversations"
        " (bot_id, session_id)"
    )
    met.change("new")

    met.sync("first")

    assert indexes(met) == KEYS


@pytest.mark.slow
def test_a_session_id_longer_than_an_index_entry_is_loaded_and_merged(met: Meeting) -> None:
    [row, *_] = met.api.world.conversations(BOT)
    met.api.world.put(BOT, {**row, "sessionId": LONG})
    met.sync("first")
    met.api.world.change(BOT, LONG, touch=True, feedbackComment="new")

    met.sync("first")

    query = f"SELECT feedback_comment FROM {met.dataset}.conversations WHERE session_id = %s"
    assert met.asked(query, session_key(LONG)) == [("new",)]
    assert met.asked(f"SELECT count(*) FROM {met.dataset}.conversations") == [(CONVERSATIONS + 1,)]


def test_merges_of_few_rows_into_many_use_an_index(met: Meeting) -> None:
    met.run("first")
    for table, column in (("conversations", "company_id"), ("conversations__messages", "id")):
        met.asked(
            f"INSERT INTO {met.dataset}.{table} (bot_id, session_id, {column}) "
            "SELECT 1, md5(n::text), n FROM generate_series(1, %s) AS n",
            ROWS,
        )
        met.asked(f"ANALYZE {met.dataset}.{table}")
    first = f"SELECT * FROM {met.dataset}.conversations LIMIT {STAGED}"
    met.asked(f"CREATE TABLE {met.dataset}.staged AS {first}")
    met.asked(f"ANALYZE {met.dataset}.staged")
    same = "d.bot_id = s.bot_id AND d.session_id = s.session_id"
    upsert = (
        f"MERGE INTO {met.dataset}.conversations d USING {met.dataset}.staged s ON {same} "
        "WHEN MATCHED THEN UPDATE SET channel = s.channel"
    )
    delete = (
        f"DELETE FROM {met.dataset}.conversations__messages d WHERE EXISTS "
        f"(SELECT 1 FROM {met.dataset}.staged s WHERE {same})"
    )

    assert "conversations__by_session" in plan(met, upsert)
    assert "conversations__messages__by_session" in plan(met, delete)


def plan(met: Meeting, statement: str) -> str:
    """How Postgres would run a statement."""
    lines: list[tuple[Any, ...]] = met.asked(f"EXPLAIN {statement}")
    return "\n".join(line for (line,) in lines)
