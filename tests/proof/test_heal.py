"""Days that differ are read again, within a budget; what the API deleted is reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.extract import DltSource

from chatislav_source import ConfigurationError, sync, verify
from chatislav_source.configured import sync_config
from chatislav_source.proof.bounds import GUARDRAILS
from chatislav_source.proof.definitions import TOTAL
from chatislav_source.proof.healing import heal
from chatislav_source.proof.result import Verification
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago

BOT = 101
DAYS = 19
# its `_version` still says that it is what the API has
TAMPER = "UPDATE conversations SET human_takeover = NOT human_takeover WHERE session_id = %s"


@pytest.fixture
def world() -> World:
    """A bot with 20 conversations a day."""
    return World.generate((BOT,), conversations=DAYS * 20, days=DAYS, last_day=TODAY, messages=2)


@pytest.fixture
def api(world: World) -> Iterator[Sandbox]:
    """The sandbox; conversations are counted and listed by the day of their last activity."""
    with Sandbox(world) as sandbox:
        sandbox.configure(analytics_date="activity")
        yield sandbox


@pytest.fixture
def arguments(api: Sandbox) -> dict[str, Any]:
    """What the bot is synced with."""
    return {
        "bot_ids": [BOT],
        "api_key": SANDBOX_KEY,
        "base_url": api.base_url,
        "start_date": days_ago(DAYS + 1),
        "analytics_lookback_days": 1,
    }


def healed(pipeline: dlt.Pipeline, arguments: dict[str, Any]) -> Verification:
    return heal(pipeline, sync_config("test", **arguments), DAYS)


def run(pipeline: dlt.Pipeline, statement: str, *values: Any) -> list[Any]:
    with pipeline.sql_client() as client:
        return list(client.execute_sql(statement, *values) or [])


def sessions(pipeline: dlt.Pipeline, day: date) -> list[str]:
    """The conversations of a day in the tables."""
    query = "SELECT session_id FROM conversations WHERE last_activity::DATE = %s ORDER BY 1"
    return [session_id for (session_id,) in run(pipeline, query, day)]


def kinds(result: Verification) -> dict[date, str]:
    """The days that are neither equal nor settling."""
    (bot,) = result.bots
    return {day: kind for day, kind in bot.days.items() if kind not in ("equal", "settling")}


def test_what_can_be_healed_is_healed_within_the_budget(
    pipeline: dlt.Pipeline, api: Sandbox, arguments: dict[str, Any]
) -> None:
    assert sync(pipeline, **arguments).complete
    assert kinds(verify(pipeline, days=DAYS)) == {}
    doubled, changed, restated = (TODAY - timedelta(days=n) for n in (5, 9, 13))
    twice, other = sessions(pipeline, doubled)[0], sessions(pipeline, changed)[0]
    run(
        pipeline,
        "INSERT INTO conversations SELECT * FROM conversations WHERE session_id = %s",
        twice,
    )
    run(pipeline, TAMPER, other)
    run(pipeline, f"UPDATE analytics SET {TOTAL} = {TOTAL} + 7 WHERE date = %s", restated)

    found = verify(pipeline, days=DAYS)
    api.reset_counts()
    result = healed(pipeline, arguments)

    assert set(kinds(found)) == {doubled, changed, restated}
    assert result.is_true, result.as_dict()
    assert result.bots[0].healed_days == 3
    assert api.count() == result.requests <= 20
    api.reset_counts()
    assert healed(pipeline, arguments).is_true
    assert api.count() == 0


@pytest.mark.slow
def test_a_day_that_stays_wrong_is_unexplained_after_three_attempts(
    pipeline: dlt.Pipeline, api: Sandbox, arguments: dict[str, Any]
) -> None:
    day = TODAY - timedelta(days=9)
    assert sync(pipeline, **arguments).complete
    assert kinds(verify(pipeline, days=DAYS)) == {}
    api.configure(analytics_restated={str(day): 2})
    run(pipeline, f"UPDATE analytics SET {TOTAL} = {TOTAL} + 2 WHERE date = %s", day)

    results = [healed(pipeline, arguments) for _ in range(3)]
    api.reset_counts()
    last = healed(pipeline, arguments)

    assert [kinds(result)[day] for result in results] == ["differs", "differs", "unexplained"]
    assert all(0 < result.requests <= 20 for result in results)
    assert kinds(last) == {day: "unexplained"}
    assert not last.is_true
    assert api.count() == 0


def test_a_day_without_totals_is_unproven_and_read_again(
    pipeline: dlt.Pipeline, arguments: dict[str, Any]
) -> None:
    day = TODAY - timedelta(days=9)
    assert sync(pipeline, **arguments).complete
    run(pipeline, "DELETE FROM analytics WHERE date = %s", day)

    found = verify(pipeline, days=DAYS)
    result = healed(pipeline, arguments)

    assert kinds(found) == {day: "unproven"}
    assert result.is_true


@pytest.mark.slow
def test_a_conversation_that_the_api_deleted_is_reported_on_the_second_day(
    pipeline: dlt.Pipeline, world: World, arguments: dict[str, Any]
) -> None:
    day = TODAY - timedelta(days=9)
    assert sync(pipeline, **arguments).complete
    assert kinds(verify(pipeline, days=DAYS)) == {}
    gone = sessions(pipeline, day)[0]
    world.remove_conversation(BOT, gone)
    run(pipeline, f"UPDATE analytics SET {TOTAL} = {TOTAL} - 1 WHERE date = %s", day)

    once = healed(pipeline, arguments)
    same_day = healed(pipeline, arguments)
    run(pipeline, "UPDATE reconciliation SET checked_at = checked_at - INTERVAL 1 DAY")
    twice = healed(pipeline, arguments)

    absent = [row for row in once.bots[0].differences if row.session_id]
    assert [row.session_id for row in absent] == [gone]
    assert same_day.bots[0].deletions == []
    assert [row.session_id for row in twice.bots[0].deletions] == [gone]
    assert gone in sessions(pipeline, day)
    run(pipeline, "DELETE FROM conversations WHERE session_id = %s", gone)
    run(pipeline, "DELETE FROM conversations__messages WHERE session_id = %s", gone)
    assert verify(pipeline, days=DAYS).is_true


@pytest.mark.slow
def test_a_sync_verifies_and_heals_through_the_steps_of_the_user(
    pipeline: dlt.Pipeline, arguments: dict[str, Any]
) -> None:
    def without_addresses(source: DltSource) -> None:
        source.conversations.add_map(masked)

    first = sync(pipeline, verify=True, customize=without_addresses, **arguments)
    changed = sessions(pipeline, TODAY - timedelta(days=9))[0]
    run(pipeline, TAMPER, changed)

    second = sync(pipeline, verify=True, customize=without_addresses, **arguments)

    assert first.verification
    assert first.verification["yesterday"]["text"].startswith("Yesterday is complete and true: ")
    assert second.verification
    assert second.verification["bots"][0]["healed"] == 1
    assert (first.differing_days, second.differing_days) == (0, 0)
    assert first.as_dict()["verification"] == first.verification
    masks = "SELECT DISTINCT contact__ip_address FROM conversations"
    assert run(pipeline, masks) == [("x",)]


def masked(rows: pa.Table) -> pa.Table:
    """The rows, without IP addresses if they have any."""
    name = "contact__ip_address"
    if name not in rows.column_names:
        return rows
    mask = pa.array(["x"] * rows.num_rows, pa.string())
    return rows.set_column(rows.column_names.index(name), name, mask)


def test_too_little_data_is_unproven_and_not_true(
    pipeline: dlt.Pipeline, arguments: dict[str, Any]
) -> None:
    assert sync(pipeline, **(arguments | {"start_date": days_ago(9)})).complete

    result = verify(pipeline, days=9)

    assert not result.is_true
    assert TOTAL in result.bots[0].unproven
    assert result.bots[0].differences == []
    assert result.sentence.startswith("How the API counts is not proven yet.")


def test_nothing_can_be_said_before_the_first_load(pipeline: dlt.Pipeline) -> None:
    result = verify(pipeline)

    assert result.bots == []
    assert not result.is_true
    assert "not loaded" in result.sentence


def test_a_destination_whose_rows_cannot_be_counted_is_refused_before_the_load(
    tmp_path: Path, api: Sandbox, arguments: dict[str, Any]
) -> None:
    files = dlt.pipeline(
        "files",
        destination=dlt.destinations.filesystem(str(tmp_path / "files")),
        dataset_name="chatislav",
        pipelines_dir=str(tmp_path / "pipelines"),
    )

    with pytest.raises(ConfigurationError, match="cannot count in the destination filesystem"):
        sync(files, verify=True, **arguments)

    assert api.count() == 0


@pytest.mark.slow
def test_flagged_conversations_bound_the_interventions_of_their_day(
    pipeline: dlt.Pipeline, world: World, arguments: dict[str, Any]
) -> None:
    changed, added = TODAY - timedelta(days=9), TODAY - timedelta(days=13)
    for day in (changed, added):
        row = next(r for r in world.conversations(BOT) if r["lastActivity"].date() == day)
        world.flag(BOT, row["sessionId"])
    assert sync(pipeline, **arguments, guardrail_flags=True).complete
    before = verify(pipeline, days=DAYS)
    set_to = f"UPDATE analytics SET {GUARDRAILS} = %s WHERE date = %s"
    run(pipeline, set_to, 0, changed)
    run(pipeline, f"UPDATE analytics SET {GUARDRAILS} = {GUARDRAILS} + 5 WHERE date = %s", added)

    after = verify(pipeline, days=DAYS)
    run(pipeline, "ALTER TABLE conversations DROP COLUMN guardrail_flagged")  # an older version
    older = verify(pipeline, days=DAYS)

    counted = [row for row in before.bots[0].rows if row.metric == GUARDRAILS]
    assert {row.counted_value == row.api_value for row in counted if row.counted_value} == {True}
    assert before.bots[0].warnings == older.bots[0].warnings == []
    (warning,) = after.bots[0].warnings
    assert f"{changed}, all: {GUARDRAILS} is 0, but" in warning
    assert before.is_true == after.is_true == older.is_true
