"""Generated conversations are realistic and repeatable, and can be changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sandbox_caller import LAST_DAY, NOON, Caller, conversation, served

from chatislav_source.sandbox import Sandbox, Settings, World
from chatislav_source.sandbox.world.mutations import MUTATION_KINDS


def test_the_same_seed_makes_the_same_world_and_another_one_does_not() -> None:
    worlds = [World.generate((101,), 20, last_day=LAST_DAY, seed=seed) for seed in (1, 1, 2)]

    first, again, other = (world.conversations(101) for world in worlds)

    assert first == again != other


def test_conversations_lie_within_the_days_asked_for() -> None:
    world = World.generate((101,), conversations=300, days=3, last_day=LAST_DAY)

    days = {row["createdAt"].date() for row in world.conversations(101)}
    latest = max(row["lastActivity"] for row in world.conversations(101))

    assert days == {date(2026, 6, 28), date(2026, 6, 29), date(2026, 6, 30)}
    assert latest < datetime(2026, 7, 1, tzinfo=UTC)


def test_the_last_day_is_today_unless_it_is_given() -> None:
    days = {
        row["createdAt"].date()
        for row in World.generate((101,), 300, days=3, now=NOON).conversations(101)
    }

    assert days == {date(2026, 6, 29), date(2026, 6, 30), date(2026, 7, 1)}


def test_nothing_lies_in_the_future_if_the_last_day_is_today() -> None:
    world = World.generate((101,), 100, days=2, last_day=NOON.date(), now=NOON)

    assert max(row["lastActivity"] for row in world.conversations(101)) <= NOON


def test_the_data_has_every_case_that_a_client_must_handle() -> None:
    rows = World.generate((101,), conversations=3000, last_day=LAST_DAY).conversations(101)
    texts = [message["content"] for row in rows for message in row["messages"]]
    counts = [len(row["messages"]) for row in rows]

    assert {row["channel"] for row in rows} > {"widget", "viber", "telegram", "facebook"}
    assert {row["helpful"] for row in rows} == {1, 0, None}
    assert {row["resolutionStatus"] for row in rows} == {"resolved", "unresolved", None}
    assert {row["summary"] is None for row in rows} == {True, False}
    assert {bool(row["userForm"]) for row in rows} == {True, False}
    assert sum(row["feedbackComment"] is not None for row in rows) < len(rows) / 4
    assert {min(counts), max(counts)} == {0, 40}
    assert sum(2 <= count <= 12 for count in counts) > len(rows) / 2
    assert any("š" in text for text in texts)
    assert any("ш" in text for text in texts)
    assert any("🎉" in text for text in texts)
    assert max(map(len, texts)) > 1_000
    assert len({m["id"] for row in rows for m in row["messages"]}) == len(texts)


def test_messages_run_from_the_start_to_the_last_activity() -> None:
    for row in World.generate((101,), conversations=300, last_day=LAST_DAY).conversations(101):
        dates = [message["createdAt"] for message in row["messages"]]

        assert dates == sorted(dates)
        assert not dates or (dates[0], dates[-1]) == (row["createdAt"], row["lastActivity"])


def test_a_changed_argument_or_answer_does_not_change_the_world(world: World) -> None:
    given = conversation()
    world.put(101, given)
    given["messages"].append("later")
    world.conversation(101, "s")["messages"].append("later")

    assert len(world.conversation(101, "s")["messages"]) == 1


def test_a_new_message_moves_the_last_activity_to_now(call: Caller, world: World) -> None:
    world.now = NOON
    session_id = world.conversations(101)[0]["sessionId"]

    world.add_message(101, session_id, "Još nešto")
    row = served(call, session_id)

    assert row["lastActivity"] == "2026-07-01T12:00:00"
    assert row["messages"][-1]["content"] == "Još nešto"
    assert call.ids(bot_id=101, limit=1) == [session_id]


@pytest.mark.parametrize("touch", [True, False])
def test_a_change_moves_the_last_activity_only_if_told_to(world: World, touch: bool) -> None:
    world.now = NOON
    before = world.conversations(101)[0]

    world.change(101, before["sessionId"], touch=touch, resolutionStatus="resolved")
    after = world.conversation(101, before["sessionId"])

    assert after["resolutionStatus"] == "resolved"
    assert after["lastActivity"] == (NOON if touch else before["lastActivity"])


def test_messages_and_conversations_can_be_removed(call: Caller, world: World) -> None:
    rows = [row for row in world.conversations(101) if len(row["messages"]) > 1]

    world.remove_message(101, rows[0]["sessionId"], 0)
    world.remove_conversation(101, rows[1]["sessionId"])

    assert served(call, rows[0]["sessionId"])["messages"][0]["id"] == rows[0]["messages"][1]["id"]
    assert call.ids(bot_id=101, session_id=rows[1]["sessionId"]) == []


def test_the_clock_offset_applies_to_new_changes(api: Sandbox, world: World) -> None:
    world.now = NOON
    api.settings.clock_offset_seconds = -300

    session_id = world.add_conversation(101, channel="viber")

    row = world.conversation(101, session_id)
    assert row["createdAt"] == NOON - timedelta(minutes=5)
    assert row["channel"] == "viber"


def with_flags(world: World) -> dict[str, Any]:
    """By session id, the conversations and whether they have guardrail events."""
    rows = {row["sessionId"]: row for row in world.conversations(101)}
    return {name: (row, world.is_flagged(101, name)) for name, row in rows.items()}


@pytest.mark.parametrize("kind", MUTATION_KINDS)
def test_every_kind_of_mutation_changes_exactly_one_conversation(kind: str) -> None:
    world = World.generate((101,), conversations=30, last_day=LAST_DAY, messages=3)
    before = with_flags(world)

    changed = world.mutate(kind, Random(4))  # noqa: S311 - repeatable
    after = with_flags(world)

    differing = [key for key in before | after if before.get(key) != after.get(key)]
    assert differing == [changed]


def test_only_messages_and_touch_update_the_last_activity() -> None:
    moving = set()
    for kind in set(MUTATION_KINDS) - {"new_conversation", "remove_conversation"}:
        world = World.generate((101,), 30, last_day=LAST_DAY, messages=3, now=NOON)
        changed = world.mutate(kind, Random(4))  # noqa: S311 - repeatable
        if world.conversation(101, str(changed))["lastActivity"] == NOON:
            moving.add(kind)

    assert moving == {"new_message", "resolution_touch"}


def test_every_kind_of_mutation_can_be_churn_and_no_other() -> None:
    assert set(Settings(churn=dict.fromkeys(MUTATION_KINDS, 0.5)).churn) == set(MUTATION_KINDS)
    with pytest.raises(ValueError, match="no kind is named 'explosion'"):
        Settings(churn={"explosion": 0.5})


def test_an_unknown_kind_of_mutation_is_refused(world: World) -> None:
    with pytest.raises(KeyError, match="explosion"):
        world.mutate("explosion", Random(1))  # noqa: S311 - repeatable


def test_an_empty_bot_has_nothing_to_mutate() -> None:
    world = World.generate((101,), conversations=0)

    assert world.mutate("rating", Random(1)) is None  # noqa: S311 - repeatable


def test_churn_changes_the_data_after_each_response_up_to_its_limit(
    call: Caller, world: World
) -> None:
    call.api.configure(churn={"new_conversation": 1.0}, churn_limit=3)

    sizes = [len(call.all_ids(bot_id=101, limit=100)) for _ in range(5)]

    assert sizes == [60, 61, 62, 63, 63]
    assert len(world.conversations(102)) == 60
