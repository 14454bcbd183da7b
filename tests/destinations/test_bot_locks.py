"""Two runs load one bot into a real Postgres at once: one of them is refused, or both are exact."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source import PipelineLockedError, chatislav
from chatislav_source.destinations.concurrency import advisory_locks, bot_locks
from chatislav_source.sandbox import Sandbox

from . import meeting, warehouses
from .meeting import BOT, Meeting

MACHINES = [
    pytest.param(
        ("first", "chatislav_sync"),
        ("second", "chatislav_sync"),
        id="two machines",
        marks=pytest.mark.slow,
    ),
    pytest.param(("first", "chatislav_sync"), ("first", "other_name"), id="two names"),
]
Run = tuple[str, str]


@pytest.fixture
def met(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meeting]:
    """Nothing is loaded yet; a run that is refused does not wait."""
    monkeypatch.setattr(advisory_locks, "ATTEMPTS", 1)
    postgres = warehouses.postgres(postgres_url)
    with Sandbox(meeting.small_world()) as api:
        made = Meeting(postgres, postgres_url, api, tmp_path, postgres.new_dataset())
        with made.pool:
            yield made


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs take no locks, as before there were any."""
    monkeypatch.setattr(bot_locks, "take", lambda *_, **__: None)


@pytest.mark.parametrize(("one", "other"), MACHINES)
def test_a_second_run_is_refused_while_the_first_one_merges(
    met: Meeting, one: Run, other: Run
) -> None:
    met.sync(*one)
    met.change("new")
    requests = met.api.count()
    with met.held_up("LOCK TABLE {dataset}.conversations IN EXCLUSIVE MODE"):
        running = met.start(met.sync, *one)
        sent = met.api.count()
        with pytest.raises(PipelineLockedError) as refused:
            met.sync(*other)
        assert met.api.count() == sent > requests

    assert running.result().complete
    assert met.is_exact("new")
    text = str(refused.value)
    assert f"Bot {BOT} is being loaded into dataset {met.dataset} by another run" in text
    assert f"process {os.getpid()} on {socket.gethostname()[:24]}, pipeline chatislav" in text
    assert ", since 20" in text


@pytest.mark.parametrize(("one", "other"), MACHINES)
def test_a_second_run_is_refused_before_there_is_any_table(
    met: Meeting, one: Run, other: Run
) -> None:
    with met.held_up("CREATE SCHEMA {dataset}"):
        running = met.start(met.sync, *one)
        with pytest.raises(PipelineLockedError):
            met.sync(*other)

    assert running.result().complete
    assert met.sync(*other).complete
    assert met.is_exact()


def test_a_plain_run_is_refused_by_a_plain_run_and_then_by_none(met: Meeting) -> None:
    met.run("first")
    met.change("new")
    with met.held_up("LOCK TABLE {dataset}.conversations IN EXCLUSIVE MODE"):
        running = met.start(met.run, "first")
        with pytest.raises(PipelineStepFailed) as refused:
            met.run("second")

    running.result()
    met.run("second")
    assert isinstance(cause_of(refused.value), PipelineLockedError)
    assert met.asked(meeting.SESSION_OF_A_LOCK) == []
    assert met.is_exact("new")


def test_a_plain_run_that_fails_to_extract_leaves_no_lock(met: Meeting) -> None:
    refused = met.arguments() | {"api_key": "chsk_live_wrong"}

    with pytest.raises(PipelineStepFailed, match="refused the key"):
        met.pipeline("first").run(chatislav(**refused))

    assert met.asked(meeting.SESSION_OF_A_LOCK) == []


@pytest.mark.slow
def test_a_zombie_and_its_retry_store_nothing_twice(met: Meeting) -> None:
    met.sync("first", "zombie")
    met.change("new")
    staging = "{dataset}_staging_zombie.conversations"
    with met.held_up(f"LOCK TABLE {staging} IN ACCESS EXCLUSIVE MODE"):
        zombie = met.start(met.sync, "first", "zombie")
        met.break_lock()
        met.change("newest")
        assert met.sync("second", "retry").complete

    with_error(zombie)
    assert met.sync("second", "retry").complete
    assert met.is_exact()


def test_a_run_that_has_lost_its_lock_loads_nothing_more(met: Meeting) -> None:
    met.sync("first")
    met.change("new")

    def lose(*_: Any) -> None:
        if met.asked(meeting.SESSION_OF_A_LOCK):
            met.break_lock()

    pipeline = met.pipeline("first")
    with pytest.raises(PipelineLockedError, match="has lost its lock"):
        meeting.sync(pipeline, on_progress=lose, **met.arguments())

    comments = met.asked(f"SELECT feedback_comment FROM {met.dataset}.conversations")
    assert ("new",) not in comments
    assert met.sync("first").complete
    assert met.is_exact("new")


@pytest.mark.usefixtures("unlocked")
def test_what_two_runs_without_lock_stored_twice_is_read_again(met: Meeting) -> None:
    met.sync("first", "one")
    met.change("new")
    merge_into_messages_together(met)

    assert met.is_exact("new")


@pytest.mark.slow
@pytest.mark.usefixtures("unlocked")
def test_without_the_lock_messages_are_stored_twice(
    met: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that the tests above depend on the lock, or on the check after the loads."""
    monkeypatch.setattr("chatislav_source.runner.job.has_other_writers", lambda _: False)
    met.sync("first", "one")
    met.change("new")
    merge_into_messages_together(met)

    assert not met.is_exact()


def merge_into_messages_together(met: Meeting) -> None:
    """Two runs delete the messages before either has inserted its own."""
    meeting.hold_inserts(met, 42)
    with met.held_up("SELECT pg_advisory_lock(42)"):
        one = met.start(met.sync, "first", "one")
        other = met.start(met.sync, "second", "other")
    for run in (one, other):
        run.result()


def test_bots_of_one_dataset_are_locked_one_by_one(met: Meeting) -> None:
    one, other = met.pipeline("first"), met.pipeline("second")
    with bot_locks.bot_locks(one, [1, 2]):
        with bot_locks.bot_locks(other, [3]):
            bot_locks.check(one)
            bot_locks.check(other)
        with pytest.raises(PipelineLockedError, match="Bot 2 "):
            bot_locks.take(other, [4, 3, 2])
        with bot_locks.bot_locks(met.pipeline("third"), [3, 4]):
            pass  # the refused run holds none of its bots


def test_other_datasets_are_locked_apart(met: Meeting) -> None:
    elsewhere = met.warehouse.pipeline(met.folder / "elsewhere")
    with bot_locks.bot_locks(met.pipeline("first"), [1]), bot_locks.bot_locks(elsewhere, [1]):
        bot_locks.check(elsewhere)


def test_a_lock_does_not_hold_up_a_vacuum_and_is_not_closed_as_idle(met: Meeting) -> None:
    met.asked("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '1h'")
    met.asked("ALTER ROLE postgres SET default_transaction_isolation = 'repeatable read'")
    pipeline = met.pipeline("first")
    try:
        with bot_locks.bot_locks(pipeline, [1]), pipeline.sql_client() as other:
            [(pid,)] = met.asked(meeting.SESSION_OF_A_LOCK)
            kept_back = "SELECT backend_xmin, backend_xid FROM pg_stat_activity WHERE pid = %s"
            timeout = "SHOW idle_in_transaction_session_timeout"
            assert met.asked(kept_back, pid) == [(None, None)]
            assert other.execute_sql(timeout) == [("1h",)]
            assert connection_of(pipeline).execute_sql(timeout) == [("0",)]
    finally:
        met.asked("ALTER ROLE postgres RESET ALL")


def connection_of(pipeline: Any) -> Any:
    """The connection that holds the locks of a pipeline."""
    return bot_locks._HELD[pipeline.working_dir].locks._sql  # type: ignore[attr-defined]


def with_error(run: Any) -> None:
    """Wait for a run; it may end with the error of a lost lock."""
    error = run.exception()
    assert error is None or isinstance(error, PipelineLockedError)


def cause_of(error: BaseException) -> BaseException:
    """The first cause of an error."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error
