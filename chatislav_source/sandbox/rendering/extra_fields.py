"""Undocumented fields, to test that a client loads them without an error."""

from __future__ import annotations

from typing import Any

from chatislav_source.sandbox.world.records import Row, text_number

CHANGING_VALUES: tuple[Any, ...] = (
    7,
    "seven",
    None,
    [1, "two", None],
    {"nested": {"deep": [True]}},
    3.5,
    True,
    "",
    2**53 + 1,
    [],
)

COLLIDING_FIELDS: Row = {
    "session_id": "not the session",
    "SessionID": "nor this",
    "bot_id": "not a number",
    "synced_at": "yesterday",
    "synced at": "today",
    "message_count": "many",
    "extra": {"of": "the API itself"},
    "contact__ip_address": "198.51.100.7",
}


def with_extra_fields(row: Row, kind: str) -> Row:
    """The conversation with undocumented fields; `kind` is `Settings.extra_fields`."""
    if kind == "none":
        return row
    number = text_number(str(row.get("sessionId")))
    extended = row | _fields(kind, number)
    for part in ("contact", "summary"):
        if isinstance(row.get(part), dict):
            extended[part] = row[part] | _fields(kind, number + 1)
    messages = row.get("messages")
    if isinstance(messages, list):
        extended["messages"] = [
            message | _fields(kind, number + index) if isinstance(message, dict) else message
            for index, message in enumerate(messages)
        ]
    return extended


def analytics_with_extra_fields(analytics: Row, kind: str, number: int) -> Row:
    """The `analytics` object with undocumented fields at its top level and in each group."""
    if kind == "none":
        return analytics
    groups = {
        name: value | _fields(kind, number) if isinstance(value, dict) else value
        for name, value in analytics.items()
    }
    return groups | _fields(kind, number)


def _fields(kind: str, number: int) -> Row:
    if kind == "new":
        return {"priority": number % 5, "tags": ["vip", "novi kupac"], "meta": {"source": "api"}}
    if kind == "changing_types":
        return {"custom": CHANGING_VALUES[number % len(CHANGING_VALUES)]}
    return dict(COLLIDING_FIELDS)
