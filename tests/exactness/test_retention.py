"""`retention_days`: after each sync the tables hold exactly the conversations that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import ConfigurationError, chatislav
from chatislav_source.configured import sync_config
from chatislav_source.records.history.table import CONVERSATIONS_HISTORY
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES
from chatislav_source.runner.erasure import retention
from chatislav_source.runner.job import run_job
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import World
from chatislav_source.streams.conversations.plan import LOST_ROWS
from tests.default_suite import mostly_slow
from tests.exactness.stories import CrashError
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


@pytest.mark.parametrize("date_filter", ["created", "activity"])
@pytest.mark.slow
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

    sync_idly(made, history=False)
    assert not [each for each in made.sync().notes if "deleted" in each]

    monkeypatch.setenv(DAYS, "45")
    made.sync()
    assert differences_from(made, days_ago(45)) == []

    monkeypatch.delenv(DAYS)
    made.sync()
    assert made.differences() == []


KEPT: Any = {"retention_days": 25, "resources": ["conversations"]}


@pytest.mark.parametrize("statements", mostly_slow([0, 1, 2], 1))
def test_a_kill_between_two_deletions_is_ended_by_the_next_sync(
    made: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    statements: int,
) -> None:
    """As in a warehouse without transactions, after so many DELETE statements."""
    made.sync(resources=["conversations"], history=True)
    run, left = retention.Rows.run, list(range(statements))

    def killed(rows: Any, client: Any, statement: str) -> Any:
        if statement == "DELETE":
            if not left:
                raise CrashError
            left.pop()
        return run(rows, client, statement)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "together", lambda _: nullcontext())
        patch.setattr(retention.Rows, "run", killed)
        with pytest.raises(CrashError):
            made.sync(**KEPT, history=True)

    report = made.sync(**KEPT, history=True)

    assert differences_from(made, days_ago(25)) == []
    assert report.warnings == []
    assert LOST_ROWS not in caplog.text
    versions = {row["session_id"] for row in stored(made.database, CONVERSATIONS_HISTORY)}
    assert versions == {row["session_id"] for row in stored(made.database, CONVERSATIONS)}


@pytest.mark.slow
def test_rows_are_deleted_also_if_a_bot_cannot_be_read_and_are_not_taken_for_lost(
    made: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    made.sync(resources=["conversations"])
    made.api.configure(bot_status={BOT: 404})

    failed = made.sync(**KEPT)
    assert len(failed.errors) == 1
    assert differences_from(made, days_ago(25)) == []

    made.api.configure(bot_status={})
    report = made.sync(**KEPT)

    assert (report.complete, report.total("rows")) == (True, 0)
    assert LOST_ROWS not in caplog.text


def test_a_plain_run_deletes_after_its_load(made: Bench) -> None:
    made.pipeline().run(chatislav(**made.arguments()).with_resources("conversations"))
    made.world.add_conversation(BOT)

    for _ in range(2):
        source = chatislav(**made.arguments(retention_days=25))
        made.pipeline().run(source.with_resources("conversations"))

        assert differences_from(made, days_ago(25)) == []
        assert made.states()[str(BOT)]["kept_from"] == str(days_ago(25))


@pytest.mark.slow
def test_an_old_record_that_cannot_be_loaded_goes_and_does_not_come_back(made: Bench) -> None:
    rows = made.world.conversations(BOT)
    old = [row for row in rows if days_ago(40) <= row["lastActivity"].date() < days_ago(26)]
    bad = [old[0], old[1], *rows[-2:]]  # two of them are kept
    kinds = ["other_bot", "no_utf8"] * 2
    made.api.configure(
        bad_records={row["sessionId"]: kind for row, kind in zip(bad, kinds, strict=True)},
        date_filter="created",
    )
    made.sync(resources=["conversations"])
    assert len(stored(made.database, REJECTED)) == 4

    for _ in range(2):
        report = made.sync(**KEPT, lookback_days=60)

        ids = {row["session_id"] for row in stored(made.database, REJECTED)}
        assert ids == {row["sessionId"] for row in rows[-2:]}
        assert report.total("rejected") == 2


def test_a_backfill_reads_only_days_that_may_have_something_to_keep(
    made: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    partly = made.sync(**KEPT, end_date=TODAY)
    assert differences_from(made, days_ago(25)) == []
    assert min(first_days_read(made)) == days_ago(25 + 30)
    assert any(str(days_ago(25)) in note for note in partly.notes)

    made.sync(resources=["conversations"])
    first_days_read(made)
    before = made.sync(**KEPT, start_date=days_ago(90), end_date=days_ago(70))

    assert (before.complete, before.total("rows"), before.errors) == (True, 0, [])
    assert len(first_days_read(made)) == 1  # only whether the key is accepted
    assert differences_from(made, days_ago(25)) == []
    assert made.sync(**KEPT).total("rows") == 0
    assert LOST_ROWS not in caplog.text


def test_where_rows_cannot_be_deleted_it_is_refused_before_any_request(
    made: Bench, tmp_path: Path
) -> None:
    import dlt

    pipeline = dlt.pipeline(
        "files",
        destination=dlt.destinations.filesystem(str(tmp_path / "files")),
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    config = sync_config("files", **made.arguments(retention_days=25))

    with pytest.raises(ConfigurationError, match="retention_days cannot be kept there"):
        run_job(pipeline, config, lambda *_: None)
    with pytest.raises(Exception, match="retention_days cannot be kept there"):
        pipeline.run(chatislav(**made.arguments(retention_days=25)))

    assert made.api.count() == 0
