"""A refused key or a host that never answers changes nothing: the first request comes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source import AuthenticationError, RetriesExhaustedError, chatislav
from chatislav_source.sandbox import SANDBOX_KEY, Answer, World
from tests.default_suite import mostly_slow
from tests.exactness.truth import TODAY, Bench, bench, days_ago


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """Two bots with a few conversations."""
    world = World.generate((101, 102), conversations=8, days=4, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(4)) as each:
        yield each


def contents(made: Bench) -> dict[str, list[Any]]:
    """Every row of every table in the file, those of dlt too."""
    with duckdb.connect(str(made.database)) as connection:
        tables = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1"
        ).fetchall()
        return {name: connection.execute(f"FROM {name}").fetchall() for (name,) in tables}


@pytest.mark.parametrize("status", mostly_slow([401, 403], 401))
def test_a_key_refused_at_the_first_sync_makes_no_file(made: Bench, status: int) -> None:
    made.api.configure(auth_failure_status=status, revoked_keys={SANDBOX_KEY})

    with pytest.raises(AuthenticationError):
        made.sync()

    assert not made.database.exists()
    assert made.api.count() == 4, "one for each bot and resource"


def test_a_key_is_asked_before_locks_that_are_rows_are_written(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.runner.job.are_written", lambda _: True)
    locked: list[Any] = []
    monkeypatch.setattr("chatislav_source.runner.job.bot_locks", lambda *each: locked.append(each))
    made.api.configure(revoked_keys={SANDBOX_KEY})

    with pytest.raises(AuthenticationError):
        made.sync()

    assert locked == []


def test_a_key_refused_at_a_later_sync_changes_no_row_of_any_table(made: Bench) -> None:
    made.sync()
    before = contents(made)
    made.api.configure(revoked_keys={SANDBOX_KEY})

    with pytest.raises(AuthenticationError):
        made.sync()

    assert contents(made) == before
    made.api.configure(revoked_keys=set())
    assert made.sync().complete
    assert made.differences() == []


def test_a_key_refused_in_a_plain_run_makes_no_table(made: Bench) -> None:
    made.api.configure(revoked_keys={SANDBOX_KEY})

    with pytest.raises(PipelineStepFailed, match="The API refused the key"):
        made.pipeline().run(chatislav(**made.arguments()))

    assert contents(made) == {}


def test_a_key_for_one_resource_or_one_bot_only_loads_what_it_may(made: Bench) -> None:
    made.api.configure(bot_status={101: 403, 102: 403}, bot_status_paths={"/conversations"})

    report = made.sync()

    assert {part.resource for part in report.resources if part.complete} == {"analytics"}
    made.api.configure(bot_status={101: 403}, bot_status_paths=None)
    report = made.sync()
    assert {part.bot_id for part in report.resources if part.complete} == {102}
    assert made.differences([102]) == []


def test_a_host_that_never_answers_is_given_up_and_makes_no_file(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.api.first_contact.FIRST_CONTACT_SECONDS", 0.5)

    with pytest.raises(RetriesExhaustedError, match="has not responded to any request"):
        made.sync(base_url="http://127.0.0.1:9/api/v1")

    assert not made.database.exists()


def test_every_request_is_counted_also_the_first(made: Bench) -> None:
    made.api.answer_next(Answer(503))

    report = made.sync()

    assert (report.total("requests"), report.total("retries")) == (made.api.count(), 1)
