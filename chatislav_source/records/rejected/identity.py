"""Which record a rejected one is, so that a later good version of it is recognised.

It is identified by its session id; without one, by what stays the same when it is repaired: when it
began, where, and its first message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import orjson
import pyarrow.compute as pc

from chatislav_source.records.columns import microseconds
from chatislav_source.records.json_decoder import Row
from chatislav_source.records.record_batch import RecordBatch

SAME_WHEN_REPAIRED = ("company_id", "channel", "contact__ip_address")
OF_FIRST_MESSAGE = ("id", "created_at", "role", "content")


def id_of_day(day: Row) -> str:
    """The `rejected_id` of a day or period, channel and zone of analytics."""
    period = [day["period"]] if "period" in day else []
    return _digest("day", *(str(day[name]) for name in ("date", "channel", "timezone")), *period)


def id_of_session(session_id: str) -> str:
    """The `rejected_id` of a conversation with this key."""
    return _digest("session", session_id)


def id_of_other_bot(session_id: str, created_at: datetime | None) -> str:
    """The `rejected_id` of a conversation that has another bot's id."""
    return _digest("other bot", session_id, str(created_at and microseconds(created_at)))


def id_without_session(batch: RecordBatch, row: int) -> str:
    """The `rejected_id` that a conversation had, or would have, without its session id."""
    values = [batch.conversations[name][row].as_py() for name in SAME_WHEN_REPAIRED]
    own = batch.messages.filter(pc.equal(batch.parents, row)).slice(0, 1)
    message = [own[name][0].as_py() if own.num_rows else None for name in OF_FIRST_MESSAGE]
    return _digest("no session", *map(str, (batch.created[row], *values, *message)))


def ids_of_good(batch: RecordBatch, rejected: Mapping[str, int | None]) -> set[str]:
    """Those of `rejected` that are earlier versions of conversations in `batch`.

    `rejected` has by id when the conversation began, in microseconds, None if that is not known.
    """
    found = {id_of_session(session_id) for session_id in batch.session_ids}
    starts = set(rejected.values())
    for row, created in enumerate(batch.created):
        if created in starts:
            created_at = batch.conversations["created_at"][row].as_py()
            found.add(id_of_other_bot(batch.session_ids[row], created_at))
            found.add(id_without_session(batch, row))
    return found & rejected.keys()


def id_of_raw(text: str) -> str:
    """The `rejected_id` of a record that tells nothing else."""
    return _digest("raw", text)


def _digest(*parts: str) -> str:
    text = orjson.dumps(parts)
    return hashlib.blake2b(text, digest_size=12).hexdigest()
