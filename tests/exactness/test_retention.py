"""`retention_days`: after each sync the tables hold exactly the conversations that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES
from chatislav_source.runner.job import run_job
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import World
from chatislav_source.source import sync_config
from tests.default_suite import mostly_slow
from tests.exactness.test_nothing_new import sync_idly
from tests.exactness.truth import (
    TODAY,
    Bench,
    bench,
    conversation_row,
    days_ago,
    differences,
    message_row,
    stored,
)

BOT = 101
START = days_ago(60)
DAYS = "SOURCES__CHATISLAV__RETENTION_DAYS"


def made_world() -> World:
    """A conversation a day, some of which were active again later."""
    world = World.generate((BOT,), conversations=80, days=58, last_day=TODAY, messages=2)
    for row in world.conversations(BOT)[::7]:
        later = min(row["lastActivity"] + timedelta(days=20), datetime.now(UTC))
        world.change(BOT, row["sessionId"], lastActivity=later)
    return world


def differences_from(made: Bench, kept_from: date) -> list[str]:
    """The differences of the tables from the conversations active on that day (UTC) or later."""
    start = datetime.combine(kept_from, time(), UTC)
    items = [row for row in made.world.conversations(BOT) if row["lastActivity"] >= start]
    messages = [(row, index) for row in items for index in range(len(row["messages"]))]
    return [
        *differences(
            CONVERSATIONS,
            stored(made.database, CONVERSATIONS),
            {(BOT, row["sessionId"]): conversation_row(row) for row in items},
        ),
        *differences(
            MESSAGES,
            stored(made.database, MESSAGES),
            {(BOT, row["sessionId"], index): message_row(row, index) for row, index in messages},
        ),
    ]


def sync_at(made: Bench, days: int, **given: Any) -> SyncReport:
    """A sync that began so many days ago."""
    config = sync_config("exact", **made.arguments(**given))
    now = config.now - timedelta(days=days)
    return run_job(made.pipeline(), replace(config, now=now), lambda *_: None)


def first_days_read(made: Bench) -> list[date]:
    """The first day of each request for conversations since the last call."""
    bodies = [each.body or {} for each in made.api.requests if each.path == "/conversations"]
    made.api.reset_counts()
    return [date.fromisoformat(body["from"]) for body in bodies if "from" in body]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, made_world(), start_date=START) as each:
        yield each


@pytest.mark.parametrize("date_filter", mostly_slow(["created", "activity"], "created"))
def test_as_days_pass_the_tables_hold_what_is_kept_and_nothing_older_is_read(
    made: Bench, monkeypatch: pytest.MonkeyPatch, date_filter: str
) -> None:
    made.api.configure(date_filter=date_filter)
    monkeypatch.setenv(DAYS, "25")

    first = sync_at(made, 10)
    assert differences_from(made, days_ago(35)) == []
    assert min(first_days_read(made)) >= days_ago(35 + 30)
    assert any(f"begins at {days_ago(35)}" in note for note in first.notes)

    later = made.sync()
    assert differences_from(made, days_ago(25)) == []
    assert min(first_days_read(made)) >= days_ago(25 + 30)
    assert any("were deleted" in note and str(days_ago(25)) in note for note in later.notes)
    assert (made.states()[str(BOT)]["kept_from"], later.warnings) == (str(days_ago(25)), [])
    days = {row["date"] for row in stored(made.database, ANALYTICS)}
    assert min(days) == START  # totals are kept

    sync_idly(made)
    assert not [each for each in made.sync().notes if "deleted" in each]

    monkeypatch.setenv(DAYS, "45")
    made.sync()
    assert differences_from(made, days_ago(45)) == []

    monkeypatch.delenv(DAYS)
    made.sync()
    assert made.differences() == []
