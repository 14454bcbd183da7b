"""The hot path: a page that looks as documented, decoded straight into typed objects.

A first load is mostly this. msgspec decodes into slots instead of dicts, checks every type and name
while it does, and leaves JSON columns as the bytes that were sent, so that a page takes half the
time of the careful way. Whatever it refuses (an unknown field, another type, an empty list of
messages, a text no warehouse can hold) is not an error: the page then goes the careful way of
`rows.py`, which has a place for everything. Both ways make the same rows, which a test holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import chain, repeat

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw, Struct

from chatislav_source.rows import ROWS_VERSION, PageRows, times
from chatislav_source.tables import ARROW_TYPES, CONVERSATIONS, MESSAGES

INSTANT = ARROW_TYPES["timestamp"]
CONVERSATIONS_SCHEMA = CONVERSATIONS.arrow_schema
MESSAGES_SCHEMA = MESSAGES.arrow_schema
NULL = Raw(b"null")
UNSTORABLE = b"\\u0000"  # a NUL; a lone surrogate is refused by the decoder


class Message(Struct, forbid_unknown_fields=True, gc=False):
    """A message, by the API's names."""

    id: str | None = None
    createdAt: str | None = None  # noqa: N815 - the API's names
    role: str | None = None
    content: str | None = None


class Contact(Struct, forbid_unknown_fields=True, gc=False):
    """Who wrote."""

    ipAddress: str | None = None  # noqa: N815
    phoneNumber: str | None = None  # noqa: N815


class Summary(Struct, gc=False):
    """What of a summary has a column; the whole of it is json."""

    sentiment: str | None = None
    resolution_status: str | None = None


class Conversation(Struct, forbid_unknown_fields=True, gc=False):
    """A conversation, by the API's names."""

    sessionId: str  # noqa: N815
    botId: int  # noqa: N815
    messages: list[Message]
    companyId: str | None = None  # noqa: N815
    createdAt: str | None = None  # noqa: N815
    lastActivity: str | None = None  # noqa: N815
    channel: str | None = None
    resolutionStatus: str | None = None  # noqa: N815
    humanTakeover: bool | None = None  # noqa: N815
    helpful: int | None = None
    feedbackComment: str | None = None  # noqa: N815
    summary: Raw = NULL
    userForm: Raw = NULL  # noqa: N815
    contact: Contact | None = None


class Pagination(Struct, gc=False):
    """Whether there is more, and where."""

    hasMore: bool  # noqa: N815
    nextCursor: str | None = None  # noqa: N815


class TypedPage(Struct, gc=False):
    """An answer of `POST /conversations`."""

    conversations: list[Conversation]
    pagination: Pagination


PAGE = msgspec.json.Decoder(TypedPage)
SUMMARY = msgspec.json.Decoder(Summary | None)
NO_CONTACT = Contact()
NO_SUMMARY = Summary()


def typed_page(body: bytes, bot_id: int) -> TypedPage | None:
    """The page in `body`; None if it is not wholly as documented."""
    if UNSTORABLE in body:
        return None
    try:
        page = PAGE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if page.pagination.hasMore and not page.pagination.nextCursor:
        return None
    for item in page.conversations:
        if item.botId != bot_id or not item.messages or not item.sessionId:
            return None
    return page


def typed_rows(items: Sequence[Conversation], bot_id: int, read_at: datetime) -> PageRows | None:
    """The rows of `items`; None if a value does not fit its column after all."""
    try:
        conversations = _conversations(items, bot_id, read_at)
        messages, parents = _messages(items, bot_id, conversations["session_id"], read_at)
    except (msgspec.MsgspecError, ValueError, OverflowError):  # ArrowInvalid is a ValueError
        return None
    ids = [item.sessionId for item in items]
    known = [True] * len(items)
    return PageRows(conversations, messages, parents, known, ids, *times(conversations))


def _conversations(items: Sequence[Conversation], bot_id: int, read_at: datetime) -> pa.Table:
    contacts = [item.contact or NO_CONTACT for item in items]
    summaries = [SUMMARY.decode(item.summary) or NO_SUMMARY for item in items]
    count = len(items)
    return pa.table(
        [
            pa.array(repeat(bot_id, count), pa.int64(), size=count),
            pa.array([item.sessionId for item in items], pa.string()),
            pa.array([item.companyId for item in items], pa.string()),
            _instants([item.createdAt for item in items]),
            _instants([item.lastActivity for item in items]),
            pa.array([item.channel for item in items], pa.string()),
            pa.array([item.resolutionStatus for item in items], pa.string()),
            pa.array([item.humanTakeover for item in items], pa.bool_()),
            pa.array([item.helpful for item in items], pa.int64()),
            pa.array([item.feedbackComment for item in items], pa.string()),
            _json([item.summary for item in items]),
            pa.array([summary.sentiment for summary in summaries], pa.string()),
            pa.array([summary.resolution_status for summary in summaries], pa.string()),
            _json([item.userForm for item in items]),
            pa.array([contact.ipAddress for contact in contacts], pa.string()),
            pa.array([contact.phoneNumber for contact in contacts], pa.string()),
            pa.array([len(item.messages) for item in items], pa.int64()),
            pa.nulls(count, pa.string()),
            pa.repeat(pa.scalar(read_at, INSTANT), count),
        ],
        schema=CONVERSATIONS_SCHEMA,
    )


def _messages(
    items: Sequence[Conversation], bot_id: int, session_ids: pa.ChunkedArray, read_at: datetime
) -> tuple[pa.Table, pa.Array]:
    lengths = [len(item.messages) for item in items]
    messages = list(chain.from_iterable([item.messages for item in items]))
    count = len(messages)
    parents = pa.array(
        chain.from_iterable(map(repeat, range(len(items)), lengths)), pa.int32(), size=count
    )
    table = pa.table(
        [
            pa.array(repeat(bot_id, count), pa.int64(), size=count),
            session_ids.combine_chunks().take(parents),
            pa.array(chain.from_iterable(map(range, lengths)), pa.int64(), size=count),
            pa.array([message.id for message in messages], pa.string()),
            _instants([message.createdAt for message in messages]),
            pa.array([message.role for message in messages], pa.string()),
            pa.array([message.content for message in messages], pa.string()),
            pa.nulls(count, pa.string()),
            pa.repeat(pa.scalar(read_at, INSTANT), count),
            pa.nulls(count, pa.bool_()),
        ],
        schema=MESSAGES_SCHEMA,
    )
    return table, parents


def _instants(texts: list[str | None]) -> pa.Array:
    """Instants in UTC; refused where a text has an offset."""
    return pc.assume_timezone(pc.cast(pa.array(texts, pa.string()), pa.timestamp("us")), "UTC")


def _json(values: list[Raw]) -> pa.Array:
    """The JSON texts as they were sent; refused where one has escapes that may not be storable."""
    texts = [bytes(value) for value in values]
    if b"\\u" in b"".join(texts):
        raise ValueError("an escape")
    return pa.array([None if text == b"null" else text for text in texts], pa.string())


def typed_digest(item: Conversation) -> bytes:
    """Eight bytes that differ when anything the API says of a conversation differs."""
    return hashlib.blake2b(msgspec.json.encode(item), digest_size=8, key=ROWS_VERSION).digest()
