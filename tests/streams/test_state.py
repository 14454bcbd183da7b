"""Stored states of every version are used; only impossible states are refused."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.streams.analytics import state as analytics
from chatislav_source.streams.conversations import state as conversations
from chatislav_source.streams.date_window import utc_instant
from chatislav_source.streams.state import Field, State, StateFormat, of_type

STATES = Path(__file__).parent / "states"
NOW = utc_instant("2026-11-28T20:00:00Z")  # soon after they were stored
API = "https://chatislav.ai/api/v1"
FORMATS = {"conversations": conversations.FORMAT, "analytics": analytics.FORMAT}
GONE = {"seal", "digests", "series"}
"""Fields of earlier versions."""
NEW: dict[tuple[int, str], State] = {
    (1, "conversations"): {"settled": None, "kept_from": None},
    (2, "conversations"): {"settled": None, "kept_from": None},
    (3, "conversations"): {"kept_from": None},
    (1, "analytics"): {"backfill": None, "loaded_from": None, "timezone": None},
    (2, "analytics"): {"backfill": None, "loaded_from": None, "timezone": None},
    (3, "analytics"): {"timezone": None},
}
"""By version and stream, the values that the migrations set."""
earlier_states = pytest.mark.parametrize(("version", "stream"), NEW)


def stored(version: int, name: str) -> State:
    """The state of the bot in a resource state stored by that version."""
    resource_state = json.loads((STATES / f"version_{version}" / f"{name}.json").read_text("utf-8"))
    (state,) = resource_state["bots"].values()
    return dict(state)


def restored(name: str, state: State) -> tuple[State, str | None]:
    """The result of restoring a stored state."""
    if name.startswith("conversations"):
        return conversations.restored(state, state["bot_id"], state["api"], NOW)
    return analytics.restored(state, state["bot_id"], state["api"], NOW.date())


@pytest.mark.parametrize("stream", FORMATS)
def test_there_is_a_stored_state_of_every_earlier_version(stream: str) -> None:
    versions = {
        int(path.parent.name.removeprefix("version_")) for path in STATES.rglob(f"{stream}-*.json")
    }

    assert versions == set(range(1, FORMATS[stream].version))


@earlier_states
@pytest.mark.parametrize("end", ["ended", "interrupted", "backfill"])
def test_a_state_of_an_earlier_version_is_used_with_all_its_values_that_still_have_a_meaning(
    version: int, stream: str, end: str
) -> None:
    name = f"{stream}-{end}"
    before = stored(version, name)

    state, problem = restored(name, before)

    assert problem is None
    assert state == {
        **{field: value for field, value in before.items() if field not in GONE},
        **NEW[version, stream],
        "version": FORMATS[stream].version,
    }


@pytest.mark.parametrize("version", [1, 2])
def test_what_an_earlier_version_stored_about_rows_is_not_empty(version: int) -> None:
    assert stored(version, "conversations-ended")["digests"]
    assert stored(version, "analytics-interrupted")["series"]["UTC|all"]["final"]
    assert stored(version, "analytics-backfill")["backfill"]["series"]["UTC|all"]["final"]


@earlier_states
def test_a_restored_state_is_restored_again_as_it_is(version: int, stream: str) -> None:
    name = f"{stream}-ended"
    state, _ = restored(name, stored(version, name))

    assert restored(name, state) == (state, None)


@earlier_states
def test_an_unknown_field_is_kept(version: int, stream: str) -> None:
    name = f"{stream}-ended"
    state, _ = restored(name, stored(version, name))
    of_later = {**state, "of_later": [1]}

    assert restored(name, of_later) == (of_later, None)


@earlier_states
def test_restoring_does_not_change_the_stored_state(version: int, stream: str) -> None:
    before = stored(version, f"{stream}-interrupted")
    kept = deepcopy(before)

    restored(stream, before)

    assert before == kept


THIRD = StateFormat(
    fields={
        "rows": Field(0, of_type(int), "Rows."),
        "days": Field([], of_type(list), "Days."),
        "note": Field("none", of_type(str), "A note."),
    },
    migrations=(
        lambda state: {**state, "days": [state["day"]]},
        lambda state: {"note": "migrated", **state},
    ),
)
"""A made-up format: version 2 has `days` where version 1 had `day`, version 3 has a `note`."""

HEAD: State = {"bot_id": 7, "api": API}


def restored_third(state: Any) -> tuple[State, str | None]:
    """The result of restoring a state of the made-up format."""
    return THIRD.restored(state, 7, API, lambda known: "too many" if known["rows"] > 9 else None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"version": 1, "rows": 3, "day": "a"}, {"day": "a", "days": ["a"], "note": "migrated"}),
        ({"version": 2, "rows": 3, "days": ["a"]}, {"days": ["a"], "note": "migrated"}),
        ({"version": 3, "rows": 3, "days": ["a"], "note": "x"}, {"days": ["a"], "note": "x"}),
    ],
)
def test_migrations_convert_each_version_to_the_current_one(state: State, expected: State) -> None:
    assert restored_third(HEAD | state) == ({**HEAD, "version": 3, "rows": 3, **expected}, None)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param({"version": 4}, "of version 4, this is version 3", id="newer"),
        pytest.param({"version": 0}, "of version 0", id="older than all"),
        pytest.param({"version": True}, "of version True", id="no number"),
        pytest.param({"version": "3"}, "of version '3'", id="text"),
        pytest.param({"version": 1, "rows": 1}, "damaged (KeyError)", id="a migration fails"),
        pytest.param({"version": 3, "rows": 1, "days": []}, "'note' is damaged", id="missing"),
        pytest.param({"version": 2, "rows": True, "days": []}, "'rows' is damaged", id="type"),
        pytest.param({"version": 2, "rows": 10, "days": []}, "too many", id="range"),
        pytest.param({"version": 2, "bot_id": 8}, "another bot, 8", id="another bot"),
        pytest.param({"version": 2, "api": "https://x"}, "another API, 'https://x'", id="API"),
    ],
)
def test_an_impossible_state_is_replaced_and_the_reason_returned(state: State, says: str) -> None:
    known, problem = restored_third(HEAD | state)

    assert known == THIRD.fresh(7, API)
    assert says in (problem or "")


def test_fresh_states_share_nothing() -> None:
    THIRD.fresh(7, API)["days"].append("a")

    assert THIRD.fresh(7, API)["days"] == []
