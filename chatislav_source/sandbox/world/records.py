"""The record of a conversation: the values that filter, sort and count it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000  # microseconds
DAY = 86_400 * SECOND

# Bits of `Record.flags`: values that the analytics count and that are not fields of the row.
GUARDRAIL = 1
COMMENTED = 2
TOOL_ASSISTED = 4
STARTER_QUESTION = 8
LEAD_COLLECTED = 16
RATED_HELPFUL = 32


@dataclass(slots=True, eq=False)
class Record:
    """One conversation; `row` is None until a change, as `seed` can generate it again.

    `created` and `activity` are microseconds since 1970-01-01 UTC. `body` is the cached JSON, and
    `body_shape` identifies the form it was rendered in; None if nothing is cached.
    """

    session_id: str
    created: int
    activity: int
    channel: str | None
    resolution: str | None
    takeover: bool
    flags: int
    messages: int
    user_messages: int
    assistant_messages: int
    contact: int
    seed: int
    row: Row | None = None
    body: bytes | None = None
    body_shape: object = None


def text_number(text: str) -> int:
    """A number below 2^32; the same for the same text in every process."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def to_microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware `instant`."""
    return (instant - EPOCH) // MICROSECOND


def as_utc(value: datetime) -> datetime:
    """`value` in UTC; without a zone it is read as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def instant_in(value: object) -> int | None:
    """Microseconds of a date in a row, or None if it cannot be parsed."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return to_microseconds(as_utc(value)) if isinstance(value, datetime) else None


def record_of(row: Row, guardrail_flagged: bool, now: int) -> Record:
    """The record of `row`, which is not copied.

    A date that is missing or unreadable is replaced by the other one, then by `now` (microseconds),
    so that date filters also find malformed rows.
    """
    created = instant_in(row.get("createdAt"))
    activity = instant_in(row.get("lastActivity"))
    messages = row.get("messages")
    if not isinstance(messages, list):
        messages = []
    roles = [message.get("role") for message in messages if isinstance(message, dict)]
    channel, resolution = row.get("channel"), row.get("resolutionStatus")
    return Record(
        session_id=row["sessionId"],
        created=_first(created, activity, now),
        activity=_first(activity, created, now),
        channel=channel if isinstance(channel, str) else None,
        resolution=resolution if isinstance(resolution, str) else None,
        takeover=row.get("humanTakeover") is True,
        flags=_flags_of(row, guardrail_flagged),
        messages=len(messages),
        user_messages=roles.count("user"),
        assistant_messages=roles.count("assistant"),
        contact=_contact_of(row),
        seed=text_number(row["sessionId"]),
        row=row,
    )


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _flags_of(row: Row, guardrail_flagged: bool) -> int:
    seed = text_number(row["sessionId"])
    return (
        (GUARDRAIL if guardrail_flagged else 0)
        | (COMMENTED if row.get("feedbackComment") is not None else 0)
        | (LEAD_COLLECTED if row.get("userForm") else 0)
        | (RATED_HELPFUL if row.get("helpful") in (1, True) else 0)
        | (seed & (TOOL_ASSISTED | STARTER_QUESTION))
    )


def _contact_of(row: Row) -> int:
    contact = row.get("contact")
    address = None
    if isinstance(contact, dict):
        address = contact.get("phoneNumber") or contact.get("ipAddress")
    return text_number(address if isinstance(address, str) else row["sessionId"])
