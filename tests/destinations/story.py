"""The story: unusual conversations that every warehouse loads, and the expected rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table, snake_case
from chatislav_source.sandbox import World
from chatislav_source.sandbox.api.analytics import totals_of

from .warehouses import Row

TODAY = datetime.now(UTC).date()
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(
    hours=12, microseconds=1
)
FIRST_DAY = TODAY - timedelta(days=2)
BOTS = (1, 12)  # glued to "23" and "3", their keys are equal
TYPED_BY_DLT = "\uf026 1.5"  # dlt's own JSON marks numbers and dates with such a character
HOSTILE = "it's \"q\" \\ back\\\\ \n\r\n\ttab, ; 'x' $1 {} %s \\N \\. ž中😀 \u2028 </x>"
TEXTS = (HOSTILE, TYPED_BY_DLT, "", " ", "007", "null", "NULL", "\\N", '{"a": 1}', "2026-06-23")
JSONS: tuple[Any, ...] = (
    [1, "two", None, {"three": [3.25]}],
    [],
    {},
    {"": "no name", "a.b": "dot", "ž'\"": HOSTILE, "null": None, "big": 10**30},
    "text",
    "",
    "[1]",
    TYPED_BY_DLT,
    7,
    2**53 + 1,
    -1.5,
    True,
    False,
    0,
)
FLAGGED = ("23", "nulls", "messages unknown")
INSTANTS = ("1969-12-31T23:59:59.999999Z", "2024-02-29T12:00:00+05:30", "2199-12-31T23:59:59.5Z")
NUMBERS = (2**63 - 1, -(2**63), 2**53 + 1, 0)

Rows = dict[tuple[Any, ...], Row]


def item(bot_id: int, session_id: str, texts: list[Any] | None = None, **fields: Any) -> Row:
    """A conversation as the API sends it, with a message per text."""
    usual = {
        "botId": bot_id,
        "sessionId": session_id,
        "companyId": "77",
        "createdAt": NOON,
        "lastActivity": NOON + timedelta(minutes=5),
        "channel": "widget",
        "resolutionStatus": "unresolved",
        "humanTakeover": False,
        "helpful": 1,
        "feedbackComment": "ok",
        "summary": {"sentiment": "positive", "resolution_status": "resolved"},
        "userForm": [{"label": "Ime", "value": "Žika"}],
        "contact": {"ipAddress": "203.0.113.9", "phoneNumber": None},
    }
    messages = [message(index, text) for index, text in enumerate(texts or [])]
    return usual | {"messages": messages} | fields


def message(index: int, text: Any, **fields: Any) -> Row:
    """A message as the API sends it."""
    sent_at = NOON + timedelta(seconds=index)
    return {"id": f"m{index}", "createdAt": sent_at, "role": "user", "content": text} | fields


def first_world() -> World:
    """Two bots, the second one a voice bot, and all unusual conversations."""
    world = World.generate(bot_ids=BOTS, conversations=3, days=2, last_day=TODAY, seed=5)
    for row in _odd_items():
        world.put(row["botId"], row, guardrail_flagged=row["sessionId"] in FLAGGED)
    return world


def _odd_items() -> list[Row]:
    names = [name for name in item(1, "") if name not in ("botId", "sessionId")]
    return [
        item(1, "23", ["a0", "a1", "a2"]),
        item(12, "3", ["b0", "b1"]),
        item(1, "emptied", ["x", "y"]),
        item(1, "late", ["x"]),
        item(1, "untouched", ["x"]),
        item(1, "flagged later", ["x"]),
        item(1, "nulls") | dict.fromkeys(names),
        item(1, "null message") | {"messages": [dict.fromkeys(message(0, ""))]},
        item(1, "messages unknown") | {"messages": None},
        item(1, "unknown fields", ["x"], extra="of the API", newField={"a": [1, None]})
        | {"messages": [message(0, "x", newField=HOSTILE)]},
        item(1, "misfits", helpful="very", channel=True, humanTakeover="no"),
        item(1, "nul\x00 and \ud800", ["nul\x00, \ud800"], summary={"k\x00": "v\x00"}),
        *(item(1, f"text {n} {text}", [text], channel=text) for n, text in enumerate(TEXTS)),
        *(item(1, f"json {n}", summary=value, odd=value) for n, value in enumerate(JSONS)),
        *(item(1, f"instant {n}", createdAt=value) for n, value in enumerate(INSTANTS)),
        *(item(1, f"number {n}", helpful=value) for n, value in enumerate(NUMBERS)),
    ]


def change(world: World) -> None:
    """The changes before the second load."""
    world.put(1, item(1, "23", [HOSTILE, ""], lastActivity=datetime.now(UTC)))
    world.change(1, "emptied", touch=True, messages=[])
    world.change(1, "late", resolutionStatus="resolved", helpful=0, feedbackComment=None)
    world.change(1, "nulls", touch=True, channel="viber", newField={"later": [1.5]})
    world.put(12, item(12, "new", ["n0"]))
    world.flag(1, "flagged later")


def change_again(world: World) -> None:
    """The changes before the load that is killed after staging and before the merge."""
    world.put(12, item(12, "3", ["b0 again"], lastActivity=datetime.now(UTC)))
    world.change(1, "23", touch=True, summary=None, messages=[])


def change_once_more(world: World) -> None:
    """The changes before the load that is killed after the merge and before its completion."""
    world.change(1, "emptied", touch=True, messages=[message(0, "filled")])
    world.flag(12, "new")
    world.put(1, item(1, "last", ["l0"]))


INTERRUPTED = {"create_followup_jobs": change_again, "complete_package": change_once_more}
"""What of dlt's load the process does not come to, and what changed before."""

CLEANED_ID = "nul\ufffd and \ufffd#"
OVERRIDES: dict[str, Row] = {
    "unknown fields": {"extra": {"extra": "of the API", "newField": {"a": [1, None]}}},
    "misfits": {
        "helpful": None,
        "channel": None,
        "human_takeover": None,
        "extra": {"helpful": "very", "channel": True, "humanTakeover": "no"},
    },
    **{f"json {n}": {"extra": {"odd": value}} for n, value in enumerate(JSONS)},
    **{
        f"instant {n}": {"created_at": datetime.fromisoformat(text).astimezone(UTC)}
        for n, text in enumerate(INSTANTS)
    },
}
"""Columns of conversations whose value is not simply the API's; by session id."""


def truth(world: World) -> dict[str, Rows]:
    """By table and key, the rows that a warehouse should have now, without `synced_at`."""
    items = [row for bot_id in BOTS for row in world.conversations(bot_id)]
    conversations = [
        _conversation(row) | {"guardrail_flagged": world.is_flagged(row["botId"], row["sessionId"])}
        for row in items
    ]
    messages = [_message(row, n) for row in items for n in range(len(row["messages"] or []))]
    days = [FIRST_DAY + timedelta(days=n) for n in range(3)]
    analytics = [_analytics(world, bot_id, day) for bot_id in BOTS for day in days]
    return {
        CONVERSATIONS.name: by_key(CONVERSATIONS, conversations),
        MESSAGES.name: by_key(MESSAGES, messages),
        ANALYTICS.name: by_key(ANALYTICS, analytics),
    }


def by_key(table: Table, rows: list[Row]) -> Rows:
    """Rows by key; each key must be unique."""
    names = [*table.keys, "message_index"] if table is MESSAGES else table.keys
    found = {tuple(row[name] for name in names): row for row in rows}
    assert len(found) == len(rows), f"{table.name} has rows twice"
    return found


def session_id_of(row: Row) -> str:
    """The id as it is stored; of the one that cannot be, without its digest."""
    session_id = str(row["sessionId"])
    return CLEANED_ID if "\x00" in session_id else session_id


def _conversation(row: Row) -> Row:
    summary = row["summary"] if isinstance(row["summary"], dict) else {}
    contact = row["contact"] or {}
    is_late = row["sessionId"] == "nulls" and "newField" in row
    return {
        "bot_id": row["botId"],
        "session_id": session_id_of(row),
        "company_id": row["companyId"],
        "created_at": row["createdAt"],
        "last_activity": row["lastActivity"],
        "channel": row["channel"],
        "resolution_status": row["resolutionStatus"],
        "human_takeover": row["humanTakeover"],
        "helpful": row["helpful"],
        "feedback_comment": row["feedbackComment"],
        "summary": _clean(row["summary"]),
        "summary__sentiment": summary.get("sentiment"),
        "summary__resolution_status": summary.get("resolution_status"),
        "user_form": row["userForm"],
        "contact__ip_address": contact.get("ipAddress"),
        "contact__phone_number": contact.get("phoneNumber"),
        "message_count": None if row["messages"] is None else len(row["messages"]),
        "extra": {"newField": row["newField"]} if is_late else None,
    } | OVERRIDES.get(row["sessionId"], {})


def _message(row: Row, index: int) -> Row:
    sent = row["messages"][index]
    return {
        "bot_id": row["botId"],
        "session_id": session_id_of(row),
        "message_index": index,
        "id": sent["id"],
        "created_at": sent["createdAt"],
        "role": sent["role"],
        "content": _clean(sent["content"]),
        "extra": {"newField": sent["newField"]} if "newField" in sent else None,
        "_deleted": None,
    }


def _clean(value: Any) -> Any:
    """`value` without the characters that warehouses reject."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    if isinstance(value, dict) and any("\x00" in key for key in value):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    return value


def _analytics(world: World, bot_id: int, day: date) -> Row:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    bot = world.bots[bot_id]
    totals = totals_of(bot.between("created", start, start + 86_400_000_000), bot.is_voice)
    metrics = {
        f"{group}__{snake_case(name)}": value
        for group in ("conversations", "resolutions", "usage")
        for name, value in totals[group].items()
    }
    return metrics | {
        "bot_id": bot_id,
        "date": day,
        "channel": "all",
        "timezone": "UTC",
        "company_id": str(bot_id),
        "agent_id": str(bot_id),
        "is_voice_bot": totals["isVoiceBot"],
        "voice": totals["voice"],
        "extra": None,
        "is_final": False,
    }
