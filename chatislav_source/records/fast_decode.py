"""The hot path, first half: a page that is as documented, decoded into typed objects.

A first load is mostly this. msgspec decodes conversations into slots instead of dicts, checks their
types and names, and leaves JSON columns and messages as the bytes that were sent: `fast_rows` makes
rows of many pages at once. What either half refuses (an unknown field, another type, a text that no
warehouse can hold) is not an error: `tolerant_rows` then makes the rows of the page, with a place
for everything. Both make the same rows, which a test holds.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
from msgspec import Raw, Struct

from chatislav_source.records.columns import instants, microseconds
from chatislav_source.records.json_decoder import NUL
from chatislav_source.records.schema import CONVERSATIONS, SCHEMA_VERSION
from chatislav_source.records.structs import struct_of


class Conversation(Struct, kw_only=True):
    """The fields of a conversation that code reads by name; `CONVERSATION` has all of them."""

    session_id: str = msgspec.field(name="sessionId")
    bot_id: int = msgspec.field(name="botId")
    messages: Raw
    created_at: str | None = msgspec.field(name="createdAt", default=None)
    last_activity: str | None = msgspec.field(name="lastActivity", default=None)


class SentAt(Struct, gc=False):
    """When a message was sent."""

    created_at: str | None = msgspec.field(name="createdAt", default=None)


class Pagination(Struct, gc=False):
    """Whether there is more, and where."""

    has_more: bool = msgspec.field(name="hasMore")
    next_token: str | None = msgspec.field(name="nextCursor", default=None)


if TYPE_CHECKING:
    CONVERSATION = Conversation
else:
    CONVERSATION = struct_of(CONVERSATIONS.json_paths, model=Conversation)


class Envelope(Struct, gc=False):
    """An answer of `POST /conversations`."""

    conversations: list[CONVERSATION]
    pagination: Pagination


ENVELOPE = msgspec.json.Decoder(Envelope)
SENT_AT = msgspec.json.Decoder(list[SentAt])


@dataclass(frozen=True)
class FastRecords:
    """The conversations of one page, of which rows are made later, with those of other pages.

    `read_at` becomes `synced_at`. `created` and `active` are the microseconds of `createdAt` and of
    `lastActivity` since 1970 in UTC, None where there is none.
    """

    conversations: Sequence[Conversation] = field(repr=False)  # personal data, and so is the body
    body: bytes = field(repr=False)
    bot_id: int
    read_at: datetime
    created: list[int | None]
    active: list[int | None]

    @cached_property
    def session_ids(self) -> list[str]:
        """The ids, in the order of the page."""
        return [each.session_id for each in self.conversations]

    @cached_property
    def digests(self) -> dict[str, bytes]:
        """By session id, what `digest_of` makes of the conversation; not made before it is read."""
        return {each.session_id: digest_of(each) for each in self.conversations}

    def days_of_messages(self, number: int) -> set[date]:
        """The days on which the messages of one conversation were sent; none if not documented."""
        return days_of_messages(self.conversations[number])


@dataclass(frozen=True)
class FastPage:
    """A decoded page; `created` and `active` are as in `FastRecords`."""

    envelope: Envelope = field(repr=False)  # personal data, and so is the body
    body: bytes = field(repr=False)
    bot_id: int
    created: list[int | None]
    active: list[int | None]
    replaced_characters: int = 0

    @property
    def has_more(self) -> bool:
        """Whether the window has another page."""
        return self.envelope.pagination.has_more

    @property
    def next_token(self) -> str | None:
        """The token of that page; None if there is none."""
        return self.envelope.pagination.next_token

    def records(self, read_at: datetime) -> FastRecords:
        """The conversations, read at that time."""
        conversations = self.envelope.conversations
        return FastRecords(
            conversations, self.body, self.bot_id, read_at, self.created, self.active
        )


def decode_page(body: bytes, bot_id: int) -> FastPage | None:
    """The page in `body`, whose times have UTC as their zone; None if it is not as documented."""
    if NUL.search(body):  # a lone surrogate is refused by the decoder
        return None
    try:
        _refuse_no_utf8(body)  # what is left as bytes, the decoder does not look at
        envelope = ENVELOPE.decode(body)
        if not _is_of(bot_id, envelope):
            return None
        # not by Arrow, as workers have one page at a time: each of its calls gives the
        # interpreter away
        created = _times([each.created_at for each in envelope.conversations])
        active = _times([each.last_activity for each in envelope.conversations])
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    return FastPage(envelope, body, bot_id, created, active)


def _times(texts: list[str | None]) -> list[int | None]:
    read = datetime.fromisoformat
    return [None if text is None else microseconds(read(text)) for text in texts]


def _is_of(bot_id: int, envelope: Envelope) -> bool:
    """Whether there is a token where there is more, and each conversation has its ids."""
    if envelope.pagination.has_more and not envelope.pagination.next_token:
        return False
    return all(each.bot_id == bot_id and each.session_id for each in envelope.conversations)


def _refuse_no_utf8(body: bytes) -> None:
    # by Arrow, as to decode it is a copy of up to four times its size, and keeps the interpreter
    ends = pa.py_buffer(struct.pack("=qq", 0, len(body)))
    pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(body)).validate(full=True)


def days_of_messages(conversation: Conversation) -> set[date]:
    """The days on which its messages were sent; none where they are not as documented."""
    try:
        texts = [message.created_at for message in SENT_AT.decode(conversation.messages)]
        sent = instants(pa.array(texts, pa.string()), UTC)
    except (msgspec.MsgspecError, ValueError):
        return set()
    return {moment.date() for moment in sent.drop_null().to_pylist()}


def digest_of(conversation: Conversation) -> bytes:
    """Eight bytes that differ when anything the API says of a conversation differs."""
    encoded = msgspec.json.encode(conversation)
    return hashlib.blake2b(encoded, digest_size=8, key=SCHEMA_VERSION).digest()
