"""Renders conversations as JSON, with timestamps in the configured form. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from chatislav_source.sandbox.rendering.extra_fields import with_extra_fields
from chatislav_source.sandbox.rendering.json_bytes import json_bytes
from chatislav_source.sandbox.rendering.shape import Shape
from chatislav_source.sandbox.world.generator import generated_row, row_of
from chatislav_source.sandbox.world.records import EPOCH, Record, Row

NAIVE_EPOCH = EPOCH.replace(tzinfo=None)
OFFSETS = tuple(timezone(timedelta(minutes=minutes)) for minutes in (120, -300, 330))


def render_record(record: Record, bot_id: int, shape: Shape) -> bytes:
    """One conversation as JSON; datetimes have the form of `shape`, strings are unchanged."""
    if record.row is None and shape.timestamps == "naive" and shape.naive_timezone == "UTC":
        # A fast path for the default: datetimes are generated naive, so that orjson writes them.
        return _finished(generated_row(record, bot_id, NAIVE_EPOCH), shape)
    row = row_of(record, bot_id)
    write = _writer(shape.timestamps, shape.naive_timezone)
    shaped = _shaped(row, write)
    messages = row.get("messages")
    if isinstance(messages, list):
        shaped["messages"] = [_shaped(m, write) if isinstance(m, dict) else m for m in messages]
    return _finished(shaped, shape)


def _shaped(row: Row, write: Callable[[datetime], str]) -> Row:
    return {
        key: write(value) if isinstance(value, datetime) else value for key, value in row.items()
    }


def _finished(row: Row, shape: Shape) -> bytes:
    _apply_messages_mode(row, shape.messages_mode)
    return json_bytes(with_extra_fields(row, shape.extra_fields))


def _apply_messages_mode(row: Row, mode: str) -> None:
    if mode == "null":
        row["messages"] = None
    elif mode == "empty":
        row["messages"] = []
    elif mode == "absent":
        row.pop("messages", None)


@lru_cache
def _writer(timestamps: str, zone_name: str) -> Callable[[datetime], str]:
    """The function that formats a UTC instant; without a fraction for whole seconds by default."""
    zone = ZoneInfo(zone_name)

    def naive(value: datetime) -> str:
        if zone_name == "UTC":
            return value.isoformat()[:-6]
        return value.astimezone(zone).replace(tzinfo=None).isoformat()

    def z(value: datetime) -> str:
        return f"{value.isoformat()[:-6]}Z"

    def offset(value: datetime) -> str:
        return value.astimezone(OFFSETS[value.minute % len(OFFSETS)]).isoformat()

    def microseconds(value: datetime) -> str:
        return value.astimezone(zone).replace(tzinfo=None).isoformat(timespec="microseconds")

    def mixed(value: datetime) -> str:
        return (naive, z, offset, microseconds)[(value.second + value.minute) % 4](value)

    writers = {"naive": naive, "z": z, "offset": offset, "microseconds": microseconds}
    return (writers | {"mixed": mixed})[timestamps]
