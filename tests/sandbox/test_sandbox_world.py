"""The made-up data are lifelike, repeatable, and served exactly as they are."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any

import orjson
import pytest
from sandbox_caller import Caller

from chatislav_source.sandbox import Sandbox, World
from chatislav_source.sandbox.extra_fields import with_extra_fields
from chatislav_source.sandbox.mutating import MUTATIONS
from chatislav_source.sandbox.settings import MUTATION_KINDS

Row = dict[str, Any]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def served(call: Caller, session_id: str, bot_id: int = 101) -> Row:
    """One conversation as the API sends it, read as strictly or as loosely as JSON allows."""
    answer = call.post(bot_id=bot_id, session_id=session_id)
    (row,) = json.loads(answer.content)["conversations"]
    return dict(row)


def conversation(session_id: str = "s", **fields: Any) -> Row:
    message = {"id": "m", "createdAt": NOON, "role": "user", "content": "Zdravo"}
    row = {"sessionId": session_id, "botId": 101, "createdAt": NOON, "lastActivity": NOON}
    return row | {"messages": [message]} | fields


def test_the_same_seed_makes_the_same_world_and_another_one_does_not() -> None:
    worlds = [World.generate((101,), conversations=20, seed=seed) for seed in (1, 1, 2)]

    first, again, other = (world.conversations(101) for world in worlds)

    assert first == again != other


def test_conversations_lie_within_the_days_asked_for() -> None:
    world = World.generate((101,), conversations=300, days=3, last_day=date(2026, 6, 30))

    days = {row["createdAt"].date() for row in world.conversations(101)}
    latest = max(row["lastActivity"] for row in world.conversations(101))

    assert days == {date(2026, 6, 28), date(2026, 6, 29), date(2026, 6, 30)}
    assert latest < datetime(2026, 7, 1, tzinfo=UTC)


def test_nothing_lies_in_the_future_if_the_last_day_is_today() -> None:
    world = World.generate((101,), 100, days=2, last_day=NOON.date(), now=NOON)

    assert max(row["lastActivity"] for row in world.conversations(101)) <= NOON


def test_the_data_hold_everything_a_client_must_cope_with() -> None:
    rows = World.generate((101,), conversations=3000).conversations(101)
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
    for row in World.generate((101,), conversations=300).conversations(101):
        dates = [message["createdAt"] for message in row["messages"]]

        assert dates == sorted(dates)
        assert not dates or (dates[0], dates[-1]) == (row["createdAt"], row["lastActivity"])


@pytest.mark.parametrize("timestamps", ["naive", "z", "offset", "microseconds", "mixed"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_what_is_served_is_the_truth_in_the_configured_shape(
    call: Caller, world: World, timestamps: str, zone: str
) -> None:
    call.api.configure(timestamps=timestamps, naive_timezone=zone, page_order="oldest_created")
    naive_zone = timezone(timedelta(hours=0 if zone == "UTC" else -4))

    rows = [row for page in call.pages(bot_id=101) for row in page["conversations"]]

    assert [_with_instants(row, naive_zone) for row in rows] == world.conversations(101)


def _with_instants(row: Row, naive_zone: timezone) -> Row:
    def instant(text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=naive_zone)

    messages = [m | {"createdAt": instant(m["createdAt"])} for m in row["messages"]]
    dates = {key: instant(row[key]) for key in ("createdAt", "lastActivity")}
    return row | dates | {"messages": messages}


def test_every_shape_of_timestamps_is_what_its_name_says(call: Caller, world: World) -> None:
    world.put(101, conversation())
    shapes = {}
    for name in ("naive", "z", "offset", "microseconds"):
        call.api.configure(timestamps=name)
        shapes[name] = served(call, "s")["createdAt"]

    assert shapes == {
        "naive": "2026-07-01T12:00:00",
        "z": "2026-07-01T12:00:00Z",
        "offset": "2026-07-01T14:00:00+02:00",
        "microseconds": "2026-07-01T12:00:00.000000",
    }


def test_a_naive_zone_shifts_the_days_that_are_filtered_on(call: Caller, world: World) -> None:
    world.put(101, conversation(lastActivity=datetime(2026, 7, 1, 23, tzinfo=UTC)))
    call.api.configure(naive_timezone="Europe/Belgrade")

    assert call.ids(bot_id=101, from_="2026-07-02", to="2026-07-02") == ["s"]
    assert call.ids(bot_id=101, from_="2026-07-01", to="2026-07-01") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"summary": ["a", 1]},
        {"summary": 7},
        {"helpful": 2**53 + 1},
        {"helpful": 10**40},
        {"feedbackComment": "lone \ud800 surrogate"},
        {"feedbackComment": "NUL \x00 here"},
        {"feedbackComment": "2026-07-01T12:00:00+00:00"},
        {"createdAt": "yesterday"},
        {"lastActivity": None},
        {"contact": None, "userForm": None, "unknown": {"deep": [1, None]}},
        {"messages": None},
        {"messages": ["not an object", None]},
        {"channel": 5, "resolutionStatus": {"is": "odd"}},
    ],
)
def test_hostile_values_are_served_as_they_are(call: Caller, world: World, fields: Row) -> None:
    world.put(101, conversation(**fields))

    row = served(call, "s")

    assert {key: row[key] for key in fields} == fields


@pytest.mark.parametrize("session_id", ["a|?&%/b", "Ђорђе ☎", "ABC", "abc", "\udfff", "x\x00y"])
def test_hostile_session_ids_are_found_and_paged_over(
    call: Caller, world: World, session_id: str
) -> None:
    world.put(101, conversation(session_id))
    call.api.configure(page_token="keyset", page_order="session_id")
    token: Row = {}
    found = []
    while token is not None:
        page = json.loads(call.post(bot_id=101, limit=1, **token).content)
        found += [row["sessionId"] for row in page["conversations"]]
        following = page["pagination"]["nextCursor"]
        token = {"cursor": following} if following else None  # type: ignore[assignment]

    assert found == sorted(found)
    assert session_id in found


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


def test_messages_and_conversations_can_vanish(call: Caller, world: World) -> None:
    rows = [row for row in world.conversations(101) if len(row["messages"]) > 1]

    world.remove_message(101, rows[0]["sessionId"], 0)
    world.remove_conversation(101, rows[1]["sessionId"])

    assert served(call, rows[0]["sessionId"])["messages"][0]["id"] == rows[0]["messages"][1]["id"]
    assert call.ids(bot_id=101, session_id=rows[1]["sessionId"]) == []


def test_a_clock_that_is_off_dates_what_changes_now(api: Sandbox, world: World) -> None:
    world.now = NOON
    api.settings.clock_offset_seconds = -300

    session_id = world.add_conversation(101, channel="viber")

    row = world.conversation(101, session_id)
    assert row["createdAt"] == NOON - timedelta(minutes=5)
    assert row["channel"] == "viber"


@pytest.mark.parametrize("kind", MUTATIONS)
def test_every_kind_of_mutation_changes_exactly_one_conversation(kind: str) -> None:
    world = World.generate((101,), conversations=30, messages=3)
    before = {row["sessionId"]: row for row in world.conversations(101)}

    changed = world.mutate(kind, Random(4))  # noqa: S311 - repeatable
    after = {row["sessionId"]: row for row in world.conversations(101)}

    differing = [key for key in before | after if before.get(key) != after.get(key)]
    assert differing == [changed]


def test_only_talk_and_touch_move_the_last_activity() -> None:
    moving = set()
    for kind in set(MUTATIONS) - {"new_conversation", "remove_conversation"}:
        world = World.generate((101,), conversations=30, messages=3, now=NOON)
        changed = world.mutate(kind, Random(4))  # noqa: S311 - repeatable
        if world.conversation(101, str(changed))["lastActivity"] == NOON:
            moving.add(kind)

    assert moving == {"new_message", "resolution_touch"}


def test_settings_and_world_know_the_same_mutations() -> None:
    assert set(MUTATION_KINDS) == set(MUTATIONS)


def test_an_empty_bot_has_nothing_to_mutate() -> None:
    world = World.generate((101,), conversations=0)

    assert world.mutate("rating", Random(1)) is None  # noqa: S311 - repeatable


def test_churn_changes_the_data_after_each_answer_up_to_its_limit(
    call: Caller, world: World
) -> None:
    call.api.configure(churn={"new_conversation": 1.0}, churn_limit=3)

    sizes = [len(call.all_ids(bot_id=101, limit=100)) for _ in range(5)]

    assert sizes == [60, 61, 62, 63, 63]
    assert len(world.conversations(102)) == 60


@pytest.mark.parametrize(
    ("mode", "messages"), [("null", None), ("empty", []), ("absent", "not there")]
)
def test_messages_can_be_null_empty_or_absent(call: Caller, mode: str, messages: Any) -> None:
    call.api.configure(messages_mode=mode)

    rows = call.post(bot_id=101).json()["conversations"]

    assert all(row.get("messages", "not there") == messages for row in rows)


@pytest.mark.parametrize("kind", ["new", "changing_types", "colliding"])
def test_extra_fields_are_those_that_a_test_can_compute(
    call: Caller, world: World, kind: str
) -> None:
    world.put(101, conversation(contact={"ipAddress": None}, summary={"sentiment": "neutral"}))
    plain = served(call, "s")
    call.api.configure(extra_fields=kind)

    extended = served(call, "s")

    assert extended == with_extra_fields(plain, kind)
    assert all(
        set(part) > set(bare)
        for part, bare in [
            (extended, plain),
            (extended["contact"], plain["contact"]),
            (extended["summary"], plain["summary"]),
            (extended["messages"][0], plain["messages"][0]),
        ]
    )


def test_changing_types_change_from_row_to_row(call: Caller) -> None:
    call.api.configure(extra_fields="changing_types")

    values = [row["custom"] for row in call.post(bot_id=101).json()["conversations"]]

    assert {str, int, list, dict, type(None)} <= {type(value) for value in values}


def test_rendering_ahead_gives_the_same_pages(call: Caller, world: World) -> None:
    lazily = call.post(bot_id=101).json()

    with Sandbox(world, prerender=True) as api:
        ahead = Caller(api, call.http).post(bot_id=101).json()

    assert ahead["conversations"] == lazily["conversations"]


def test_generated_rows_are_written_alike_on_the_quick_and_on_the_common_way(
    world: World,
) -> None:
    with Sandbox(world) as api:
        quick = world.rendered(
            next(iter(world.bots[101].records.values())), 101, api.settings.shape()
        )
        row = orjson.loads(quick)
        world.put(101, world.conversation(101, row["sessionId"]))
        record = world.bots[101].records[row["sessionId"]]

        assert world.rendered(record, 101, api.settings.shape()) == quick
