"""The hot path, first half: a page that looks as documented, decoded into typed objects.

A first load is mostly this. msgspec decodes conversations into slots instead of dicts, checks their
types and names, and leaves JSON columns and messages as the bytes that were sent: `typed_rows.py`
makes rows of many pages at once. What either half refuses (an unknown field, another type, a text
no warehouse can hold) is not an error: the page then goes the careful way of `rows.py`, which has a
place for everything. Both ways make the same rows, which a test holds.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import msgspec
import pyarrow as pa
from msgspec import Raw, Struct

from chatislav_source.records.convert import instants
from chatislav_source.records.json_decoder import NUL
from chatislav_source.records.tolerant_rows import ROWS_VERSION

NULL = Raw(b"null")
NAIVE_EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


class Contact(Struct, forbid_unknown_fields=True, gc=False):
    """Who wrote."""

    ipAddress: str | None = None  # noqa: N815 - the API's names
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


class SentAt(Struct, gc=False):
    """When a message was sent."""

    createdAt: str | None = None  # noqa: N815


class Pagination(Struct, gc=False):
    """Whether there is more, and where."""

    hasMore: bool  # noqa: N815
    nextCursor: str | None = None  # noqa: N815


class TypedPage(Struct, gc=False):
    """An answer of `POST /conversations`."""

    conversations: list[Conversation]
    pagination: Pagination


@dataclass(frozen=True)
class Decoded:
    """The conversations of one page, of which rows are made later, with those of other pages.

    `created` and `active` have their times, as of `typed_times`.
    """

    items: Sequence[Conversation] = field(repr=False)  # people's words, and so is the body
    body: bytes = field(repr=False)
    bot_id: int
    read_at: datetime
    created: list[int | None]
    active: list[int | None]

    @cached_property
    def session_ids(self) -> list[str]:
        """The ids, in the order of the page."""
        return [item.sessionId for item in self.items]


PAGE = msgspec.json.Decoder(TypedPage)
SENT_AT = msgspec.json.Decoder(list[SentAt])


def typed_page(body: bytes, bot_id: int) -> TypedPage | None:
    """The page in `body`; None if it is seen not to be as documented."""
    if NUL.search(body):  # a lone surrogate is refused by the decoder
        return None
    try:
        _refuse_no_utf8(body)  # what is left as bytes, the decoder does not look at
        page = PAGE.decode(body)
    except (msgspec.MsgspecError, pa.ArrowInvalid, RecursionError):
        return None
    if page.pagination.hasMore and not page.pagination.nextCursor:
        return None
    for item in page.conversations:
        if item.botId != bot_id or not item.sessionId:
            return None
    return page


def _refuse_no_utf8(body: bytes) -> None:
    # by Arrow, as to decode it is a copy of up to four times its size, and keeps the interpreter
    ends = pa.py_buffer(struct.pack("=qq", 0, len(body)))
    pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(body)).validate(full=True)


def typed_times(
    items: Sequence[Conversation],
) -> tuple[list[int | None], list[int | None]] | None:
    """Microseconds of `createdAt` and of `lastActivity`; None if one of them is no instant.

    Not by Arrow, as workers have one page at a time: each of its calls gives the interpreter away.
    """
    try:
        created = [_microseconds(item.createdAt) for item in items]
        return created, [_microseconds(item.lastActivity) for item in items]
    except (ValueError, OverflowError):
        return None


def _microseconds(text: str | None) -> int | None:
    """Since 1970, of what `values.instant` makes of the text with UTC as the zone."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - NAIVE_EPOCH) // MICROSECOND


def days_of_messages(item: Conversation) -> set[date]:
    """The days on which its messages were sent; none where they do not tell."""
    try:
        texts = [message.createdAt for message in SENT_AT.decode(item.messages)]
        sent = instants(pa.array(texts, pa.string()), UTC)
    except (msgspec.MsgspecError, ValueError):
        return set()
    return {moment.date() for moment in sent.drop_null().to_pylist()}


def typed_digest(item: Conversation) -> bytes:
    """Eight bytes that differ when anything the API says of a conversation differs."""
    return hashlib.blake2b(msgspec.json.encode(item), digest_size=8, key=ROWS_VERSION).digest()
