"""Stored digests never hide a row: reverted changes, backfills, lost folders, failed loads."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from chatislav_source import LoadFailedError, chatislav
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import World
from tests.default_suite import mostly_slow
from tests.exactness.truth import DATASET, TODAY, Bench, bench, days_ago


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """A bot with 40 conversations over 8 days."""
    world = World.generate((101,), conversations=40, days=8, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(8)) as each:
        yield each


def newest(made: Bench) -> str:
    """The session id of the conversation that began last."""
    return str(made.world.conversations(101)[-1]["sessionId"])


def resolve(made: Bench, status: str) -> None:
    """Change a conversation in the lookback without changing its last activity."""
    made.world.change(101, newest(made), resolutionStatus=status)


def backfill(made: Bench) -> None:
    """Read all days again, with an end."""
    made.sync(end_date=TODAY)


def lose_folder(made: Bench) -> None:
    """Delete the local files of the pipeline."""
    shutil.rmtree(made.folder / "pipelines")


def half_load(made: Bench) -> None:
    """Run a load that writes the conversations, fails at the messages, and is dropped."""
    break_table(made, "conversations__messages")
    with pytest.raises(LoadFailedError):
        made.sync()
    repair_table(made, "conversations__messages")


def break_table(made: Bench, table: str) -> None:
    """Break the table, so that no load can merge into it."""
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(f"ALTER TABLE {DATASET}.{table} RENAME COLUMN bot_id TO bot")


def repair_table(made: Bench, table: str) -> None:
    """Repair the table."""
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(f"ALTER TABLE {DATASET}.{table} RENAME COLUMN bot TO bot_id")


@pytest.mark.parametrize("between", mostly_slow([Bench.sync, backfill, half_load], half_load))
def test_a_version_that_comes_back_is_written_whatever_wrote_the_other(
    made: Bench, between: Callable[[Bench], Any]
) -> None:
    resolve(made, "unresolved")
    made.sync()
    resolve(made, "resolved")
    between(made)

    resolve(made, "unresolved")
    made.sync()

    assert made.differences() == []


@pytest.mark.slow
def test_a_version_that_comes_back_after_the_folder_was_lost_is_written(made: Bench) -> None:
    resolve(made, "unresolved")
    made.sync()
    resolve(made, "resolved")
    made.sync()
    lose_folder(made)
    resolve(made, "unresolved")

    made.sync()

    assert made.differences() == []


def test_a_second_sync_writes_nothing_where_nothing_changed_however_many_pages_it_reads(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 4)
    monkeypatch.setattr("chatislav_source.streams.conversations.window_sizer.ROWS_PER_WINDOW", 8)

    reports = [made.sync() for _ in range(3)]

    rows, unchanged = zip(*[written_and_not(report) for report in reports], strict=True)
    assert rows == (40, 0, 0)
    assert unchanged[1] == 40
    assert unchanged[2] < 40


def written_and_not(report: SyncReport) -> tuple[int, int]:
    """The number of conversations that a sync wrote and that it found unchanged."""
    found = next(each for each in report.resources if each.resource == "conversations")
    return found.rows, found.unchanged


def test_a_backfill_leaves_the_incremental_state_as_it_is(made: Bench) -> None:
    made.sync()
    before = copy.deepcopy([made.states("conversations"), made.states("analytics")])
    made.world.add_conversation(101)

    made.sync(start_date=days_ago(5), end_date=days_ago(2))

    assert [made.states("conversations"), made.states("analytics")] == before
    made.sync()
    assert made.differences() == []


@pytest.mark.slow
def test_a_backfill_continues_where_it_was_interrupted(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 4)
    monkeypatch.setattr("chatislav_source.streams.conversations.window_sizer.ROWS_PER_WINDOW", 8)
    monkeypatch.setattr("chatislav_source.extract.load_limit.PACKAGE_BYTES", 6_000)
    seen: list[Any] = []

    def stop_late(resource: str, _: Any) -> None:
        seen.append(resource)
        if seen.count("conversations") == 6:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Exception)):
        made.sync(end_date=TODAY, on_progress=stop_late)
    assert made.states()["101"]["backfill"]
    first = made.api.count("/conversations")

    made.sync(end_date=TODAY)

    assert made.differences() == []
    assert made.api.count("/conversations") - first < 30
    assert made.states()["101"]["backfill"] is None


@pytest.mark.slow
def test_a_dataset_that_was_dropped_by_hand_is_loaded_again(made: Bench) -> None:
    made.sync()
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(f"DROP SCHEMA {DATASET} CASCADE")

    made.sync()

    assert made.differences() == []


def test_a_load_that_fails_twice_is_read_again_by_the_next_run(made: Bench) -> None:
    made.sync()
    made.world.add_conversation(101)
    break_table(made, "conversations")
    with pytest.raises(LoadFailedError, match="Nothing is lost"):
        made.sync()
    repair_table(made, "conversations")

    made.sync()

    assert made.differences() == []


def plain_run(made: Bench, **given: Any) -> None:
    """One load of everything, as with any dlt source."""
    made.pipeline().run(chatislav(**made.arguments(**given)))


def test_plain_runs_and_syncs_share_their_state_and_are_exact(made: Bench) -> None:
    plain_run(made)
    assert made.differences() == []
    made.world.add_conversation(101)
    resolve(made, "resolved")
    made.sync()
    assert made.differences() == []
    resolve(made, "unresolved")

    plain_run(made)

    assert made.differences() == []
    assert made.analytics_differences(days_ago(7)) == []


def test_a_plain_run_leaves_rows_that_changed_meanwhile_to_the_next_run(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 4)
    monkeypatch.setattr("chatislav_source.extract.page_groups.GROUP_BYTES", 4_000)
    made.api.configure(churn={"new_message": 0.7, "new_conversation": 0.3}, churn_limit=15)
    plain_run(made, lookback_days=0)
    made.api.configure(churn={})

    plain_run(made, lookback_days=0)

    assert made.differences() == []


@pytest.mark.slow
def test_the_start_date_can_be_moved_back_later(made: Bench) -> None:
    made.sync(start_date=days_ago(3))

    made.sync(start_date=days_ago(8))

    assert made.differences() == []


@pytest.mark.slow
def test_an_edited_local_state_is_reported_and_not_used(
    made: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    made.sync()
    late = str(TODAY + timedelta(days=400))
    pipeline: dlt.Pipeline = made.pipeline()
    with pipeline.managed_state(extract_state=False) as known:
        bot = known["sources"]["chatislav"]["resources"]["conversations"]["bots"]["101"]
        bot["loaded_from"] = late
    made.world.add_conversation(101)

    report = made.sync()

    assert "do not match what the destination holds" in caplog.text
    assert report.complete
    assert made.differences() == []


def loaded_days(made: Bench, table: str, column: str) -> set[date]:
    """The days of a column of a table."""
    with duckdb.connect(str(made.database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT DISTINCT {column}::DATE FROM {DATASET}.{table}")
        return {day for (day,) in found.fetchall()}


def test_a_backfill_writes_its_days_only(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 2)
    began = made.api.count("/conversations")

    made.sync(start_date=days_ago(6), end_date=days_ago(3))

    windows = [request.body["from"] for request in made.api.requests[began:] if request.body]
    assert str(days_ago(1)) in windows  # the newest days were read, to verify the others
    assert loaded_days(made, "conversations", "last_activity") <= {days_ago(n) for n in range(3, 7)}


def test_a_start_date_stays_for_both_streams(made: Bench) -> None:
    made.sync(start_date=days_ago(3))

    made.sync(start_date=None)

    assert min(loaded_days(made, "analytics", "date")) == days_ago(3)
    assert min(loaded_days(made, "conversations", "last_activity")) >= days_ago(3)


def test_an_earlier_start_date_is_loaded_for_both_streams_and_stays(made: Bench) -> None:
    made.sync(start_date=days_ago(3))
    made.sync(start_date=days_ago(8))

    made.sync(start_date=days_ago(5))

    assert loaded_days(made, "analytics", "date") == {days_ago(n) for n in range(9)}
    assert made.differences() == []


@pytest.mark.slow
def test_old_states_are_deleted_and_the_newest_is_restored(made: Bench) -> None:
    for _ in range(6):
        made.world.add_conversation(101)
        made.sync()
    with duckdb.connect(str(made.database), read_only=True) as connection:
        query = f"SELECT version FROM {DATASET}._dlt_pipeline_state ORDER BY version"
        versions = [version for (version,) in connection.execute(query).fetchall()]
    newest = made.states()
    lose_folder(made)

    made.world.add_conversation(101)
    report = made.sync()

    assert 1 <= len(versions) <= 5
    assert versions[-1] > len(versions)
    assert made.states()["101"]["loaded_from"] == newest["101"]["loaded_from"]
    assert written_and_not(report)[0] == 1
    assert made.differences() == []
