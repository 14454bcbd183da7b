"""Sorts the records of a page: which can be loaded, and what the others tell of their key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from chatislav_source.records.columns import instant, json_text
from chatislav_source.records.json_decoder import Row, decode
from chatislav_source.records.rejected.identity import (
    id_of_day,
    id_of_other_bot,
    id_of_raw,
    id_of_session,
    id_without_session,
)
from chatislav_source.records.rejected.page_text import MAX_NESTING, nesting, split_page, told
from chatislav_source.records.rejected.record import (
    NO_OBJECT,
    NO_SESSION_ID,
    NOT_JSON,
    NOT_UTF8,
    OTHER_BOT,
    TOO_DEEP,
    RejectedRecord,
    Unreadable,
)
from chatislav_source.records.sanitize import sanitized
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.records.tolerant_rows import page_rows, session_id_of

MANY = 10  # records; a page of so many that has no good one has another shape than documented

START = datetime(1970, 1, 1, tzinfo=UTC)


def problem_of(item: Any, bot_id: int) -> str | None:
    """Why an item of a page of this bot cannot be loaded; None if it can."""
    if isinstance(item, Unreadable):
        return item.reason
    if not isinstance(item, dict):
        return NO_OBJECT
    if session_id_of(item) is None:
        return NO_SESSION_ID
    is_own = str(item.get("botId", bot_id)) in (str(bot_id), "None")
    return None if is_own else OTHER_BOT


def salvaged_page(body: bytes) -> Any:
    """The page in `body`, in which each record that cannot be decoded is `Unreadable`.

    Raises:
        ValueError: it is not a page, apart from its records.
    """
    envelope, records = split_page(body)
    value, _ = decode(envelope)
    if isinstance(value, dict):
        value["conversations"] = [_salvaged(record.strip()) for record in records]
    return value


def _salvaged(record: bytes) -> Any:
    reason = None
    try:
        if nesting(record) <= MAX_NESTING:
            return decode(record)[0]
        reason = TOO_DEEP
    except UnicodeDecodeError:
        reason = NOT_UTF8
    except ValueError:
        reason = NOT_JSON
    return Unreadable(record.decode("utf-8", "replace"), reason, _told_fields(record))


def _told_fields(record: bytes) -> Row:
    return {name: told(record, name) for name in ("sessionId", "createdAt")}


def _fields(item: Any) -> Row:
    """What an item tells; a text may be a record that was encoded twice."""
    if isinstance(item, str):
        return _told_fields(item.encode("utf-8", "replace"))
    return item.fields if isinstance(item, Unreadable) else item if isinstance(item, dict) else {}


def rejected_record(item: Any, reason: str, bot_id: int, zone: tzinfo) -> RejectedRecord:
    """The record of an item that cannot be loaded; times without an offset are read in `zone`."""
    fields = _fields(item)
    text = json_text(sanitized(item.text if isinstance(item, Unreadable) else item)[0]) or "null"
    session_id = session_id_of(fields)
    created = instant(fields.get("createdAt"), zone)
    created_at = created if isinstance(created, datetime) else None
    if reason == OTHER_BOT:
        rejected_id = id_of_other_bot(session_id or "", created_at)
    elif session_id is not None:
        rejected_id = id_of_session(session_id)
    elif isinstance(item, dict) and created_at is not None:
        clean, _ = sanitized(item)
        batch = page_rows([clean], ["-"], ["-"], bot_id, zone, START)
        rejected_id = id_without_session(batch, 0)
    else:
        rejected_id = id_of_raw(text)
    key = {"resource": CONVERSATIONS.name, "session_id": session_id, "created_at": created_at}
    return RejectedRecord(rejected_id, reason, text, key)


def rejected_day(body: bytes, day: Row) -> RejectedRecord:
    """The record of analytics that are nested too deep; `day` has the columns of its key."""
    text = json_text(sanitized(body.decode("utf-8", "replace"))[0]) or "null"
    rejected_id = id_of_day(day)
    return RejectedRecord(rejected_id, TOO_DEEP, text, {"resource": ANALYTICS.name, **day})


def whole_page_problem(rejected: Sequence[RejectedRecord], good: Sequence[Any]) -> str | None:
    """Why a page without a good record must not be believed; None if it may be.

    It may be a response to another request, or have another shape than documented.
    """
    if good or len(rejected) < 2:
        return None
    if all(each.reason == OTHER_BOT for each in rejected):
        return "it holds only another bot's rows"
    if len(rejected) < MANY:
        return None
    return f"none of {len(rejected)} conversations can be read: of the first, {rejected[0].reason}"
