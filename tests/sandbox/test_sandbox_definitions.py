"""The sandbox counts a day by each definition that the documentation leaves open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sandbox_caller import Caller

from chatislav_source.sandbox import World

BOT = 9
EVENING = datetime(2026, 6, 10, 23, 30, tzinfo=UTC)  # of June 11 in Belgrade


@pytest.fixture
def world() -> World:
    """A conversation that begins in the evening and goes on the next day."""
    world = World()
    message = {"id": "m", "role": "user", "content": "x"}
    times = (EVENING, EVENING + timedelta(minutes=10), EVENING + timedelta(hours=2))
    row = {
        "sessionId": "s",
        "createdAt": times[0],
        "lastActivity": times[-1],
        "channel": "widget",
        "resolutionStatus": None,
        "summary": {"resolution_status": "resolved"},
        "messages": [message | {"createdAt": time} for time in times],
    }
    world.put(BOT, row)
    return world


def day(call: Caller, number: int, group: str, name: str, **fields: Any) -> float:
    date = f"2026-06-{number}"
    answer = call.post("/analytics", bot_id=BOT, from_=date, to=date, **fields).raise_for_status()
    return float(answer.json()["analytics"][group][name])


@pytest.mark.parametrize(("setting", "counted"), [("created", (1, 0)), ("activity", (0, 1))])
def test_conversations_are_counted_by_either_date(
    call: Caller, setting: str, counted: tuple[int, int]
) -> None:
    call.api.configure(analytics_date=setting)

    assert tuple(day(call, n, "conversations", "total") for n in (10, 11)) == counted


@pytest.mark.parametrize(("setting", "counted"), [("of_conversations", (3, 0)), ("sent", (2, 1))])
def test_messages_are_those_of_the_conversations_or_those_of_the_day(
    call: Caller, setting: str, counted: tuple[int, int]
) -> None:
    call.api.configure(analytics_messages=setting)

    assert tuple(day(call, n, "conversations", "totalMessages") for n in (10, 11)) == counted
    assert tuple(day(call, n, "conversations", "userMessages") for n in (10, 11)) == counted


def test_a_zone_may_be_counted_in_whatever_is_asked_for(call: Caller) -> None:
    call.api.configure(analytics_timezone="Europe/Belgrade")

    assert day(call, 10, "conversations", "total", timezone="UTC") == 0
    assert day(call, 11, "conversations", "total", timezone="UTC") == 1


@pytest.mark.parametrize(("setting", "name"), [("own", "unclear"), ("summary", "assumed")])
def test_resolutions_are_those_of_the_conversation_or_of_its_summary(
    call: Caller, setting: str, name: str
) -> None:
    call.api.configure(analytics_resolutions=setting)

    found = {n: day(call, 10, "resolutions", n) for n in ("assumed", "unresolved", "unclear")}

    assert {n for n, count in found.items() if count} == {name}


def test_a_day_can_be_restated(call: Caller) -> None:
    before = day(call, 10, "conversations", "total")

    call.api.configure(analytics_restated={"2026-06-10": 2})

    assert (before, day(call, 10, "conversations", "total")) == (1, 3)
