"""The hot path: a page that looks as documented, decoded straight into typed objects.

A first load is mostly this. msgspec decodes conversations into slots instead of dicts and leaves
JSON columns and messages as the bytes that were sent; Arrow reads all messages of a page at once,
without the interpreter, which other threads then have. Both check every type and name. Whatever
they refuse (an unknown field, another type, a text no warehouse can hold) is not an error: the page
then goes the careful way of `rows.py`, which has a place for everything. Both ways make the same
rows, which a test holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as json
from msgspec import Raw, Struct

from chatislav_source.rows import ROWS_VERSION, PageRows, times
from chatislav_source.tables import ARROW_TYPES, CONVERSATIONS, DELETED, MESSAGES
from chatislav_source.values import instants

INSTANT = ARROW_TYPES["timestamp"]
CONVERSATIONS_SCHEMA = CONVERSATIONS.arrow_schema
MESSAGES_SCHEMA = MESSAGES.arrow_schema
NULL = Raw(b"null")
UNSTORABLE = b"\\u0000"  # a NUL; a lone surrogate is refused by the decoder


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
    messages: Raw
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
MESSAGE = pa.struct([(name, pa.string()) for name in ("id", "createdAt", "role", "content")])
AS_DOCUMENTED = json.ParseOptions(
    explicit_schema=pa.schema([("messages", pa.list_(MESSAGE))]), unexpected_field_behavior="error"
)
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
        if item.botId != bot_id or not item.sessionId:
            return None
    return page


def typed_rows(items: Sequence[Conversation], bot_id: int, read_at: datetime) -> PageRows | None:
    """The rows of `items`; None if a value does not fit its column after all."""
    try:
        lists = _message_lists(items)
        conversations = _conversations(items, bot_id, lists.value_lengths(), read_at)
        session_ids = conversations["session_id"].combine_chunks()
        messages, parents = _messages(lists, bot_id, session_ids, read_at)
    except (msgspec.MsgspecError, ValueError, OverflowError):  # ArrowInvalid is a ValueError
        return None
    ids = [item.sessionId for item in items]
    known = [True] * len(items)
    return PageRows(conversations, messages, parents, known, ids, *times(conversations))


def _conversations(
    items: Sequence[Conversation], bot_id: int, counts: pa.Array, read_at: datetime
) -> pa.Table:
    contacts = [item.contact or NO_CONTACT for item in items]
    summaries = [SUMMARY.decode(item.summary) or NO_SUMMARY for item in items]
    count = len(items)
    return pa.table(
        [
            pa.repeat(pa.scalar(bot_id, pa.int64()), count),
            pa.array([item.sessionId for item in items], pa.string()),
            pa.array([item.companyId for item in items], pa.string()),
            instants(pa.array([item.createdAt for item in items], pa.string()), UTC),
            instants(pa.array([item.lastActivity for item in items], pa.string()), UTC),
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
            counts.cast(pa.int64()),
            pa.nulls(count, pa.string()),
            pa.repeat(pa.scalar(read_at, INSTANT), count),
        ],
        schema=CONVERSATIONS_SCHEMA,
    )


def _messages(
    lists: pa.ListArray, bot_id: int, session_ids: pa.Array, read_at: datetime
) -> tuple[pa.Table, pa.Array]:
    """A row for each message, and one that clears them for each conversation without any."""
    messages = lists.flatten()
    parents = pc.list_parent_indices(lists).cast(pa.int32())
    places = pc.subtract(pa.arange(0, len(messages)), lists.offsets.take(parents))
    table = _message_table(bot_id, session_ids.take(parents), places, messages, read_at)
    empty = pc.indices_nonzero(pc.equal(lists.value_lengths(), 0)).cast(pa.int32())
    if not len(empty):
        return table, parents
    nothing = pa.nulls(len(empty), pa.int64()), pa.nulls(len(empty), MESSAGE)
    clearing = _message_table(bot_id, session_ids.take(empty), *nothing, read_at)
    marks = pa.repeat(pa.scalar(True), len(empty))
    clearing = clearing.set_column(clearing.num_columns - 1, DELETED, marks)
    return pa.concat_tables([table, clearing]), pa.concat_arrays([parents, empty])


def _message_table(
    bot_id: int,
    session_ids: pa.Array,
    places: pa.Array,
    messages: pa.StructArray,
    read_at: datetime,
) -> pa.Table:
    count = len(messages)
    ids, created, roles, contents = messages.flatten()
    return pa.table(
        [
            pa.repeat(pa.scalar(bot_id, pa.int64()), count),
            session_ids,
            places,
            ids,
            instants(created, UTC),
            roles,
            contents,
            pa.nulls(count, pa.string()),
            pa.repeat(pa.scalar(read_at, INSTANT), count),
            pa.nulls(count, pa.bool_()),
        ],
        schema=MESSAGES_SCHEMA,
    )


def _message_lists(items: Sequence[Conversation]) -> pa.ListArray:
    """The messages of each conversation; refused if they are not as documented."""
    if not items:
        return pa.array([], pa.list_(MESSAGE))
    lines = b"".join([part for item in items for part in (b'{"messages":', item.messages, b"}\n")])
    options = json.ReadOptions(use_threads=False, block_size=len(lines))
    read = json.read_json(pa.BufferReader(lines), options, AS_DOCUMENTED)
    lists = read["messages"].combine_chunks()
    if len(lists) != len(items) or lists.null_count or lists.values.null_count:
        raise ValueError("messages that are missing or null")
    lists.validate(full=True)  # Arrow has not seen to it that texts are UTF-8
    return lists


def _json(values: list[Raw]) -> pa.Array:
    """The JSON texts as they were sent; refused where one has escapes that may not be storable."""
    texts = [bytes(value) for value in values]
    if b"\\u" in b"".join(texts):
        raise ValueError("an escape")
    return pa.array([None if text == b"null" else text for text in texts], pa.string())


def typed_digest(item: Conversation) -> bytes:
    """Eight bytes that differ when anything the API says of a conversation differs."""
    return hashlib.blake2b(msgspec.json.encode(item), digest_size=8, key=ROWS_VERSION).digest()
