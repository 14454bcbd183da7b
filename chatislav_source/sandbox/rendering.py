"""Rows to JSON bytes, with timestamps in the configured shape. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

import orjson

from .extra_fields import with_extra_fields
from .generating import generated_row, row_of
from .records import EPOCH, Record, Row

NAIVE_EPOCH = EPOCH.replace(tzinfo=None)
OFFSETS = tuple(timezone(timedelta(minutes=minutes)) for minutes in (120, -300, 330))


@dataclass(frozen=True)
class Shape:
    """How rows are written; the names and values are those of `Settings`."""

    timestamps: str
    naive_timezone: str
    extra_fields: str
    messages_mode: str


@lru_cache
def shape_of(timestamps: str, naive_timezone: str, extra_fields: str, messages_mode: str) -> Shape:
    """The one `Shape` object for these values, so that rendered rows compare by identity."""
    return Shape(timestamps, naive_timezone, extra_fields, messages_mode)


TRUTH = shape_of("z", "UTC", "none", "full")


def json_bytes(value: object) -> bytes:
    """`value` as JSON, also where orjson refuses: lone surrogates and numbers beyond 64 bits.

    A naive datetime is written without zone, an aware UTC one with Z.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), default=_text_of).encode()


def _text_of(value: object) -> str:
    """What orjson writes for a datetime, which the json module does not know."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not JSON")


def render_record(record: Record, bot_id: int, shape: Shape) -> bytes:
    """One conversation as JSON; strings are served as they are, datetimes in `shape`."""
    if record.row is None and shape.timestamps == "naive" and shape.naive_timezone == "UTC":
        # The bulk of every benchmark: naive from the start, so that orjson writes the dates.
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
    """The function that writes a UTC instant; whole seconds have no fraction unless asked for."""
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
