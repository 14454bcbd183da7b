"""Fast decoding, part 1: decodes a page of the documented shape into typed objects.

It takes most of the time of a first load. msgspec decodes conversations into slots instead of
dicts, checks their types and names, and leaves JSON columns and messages as raw bytes; `fast_rows`
makes the rows of many pages at once. If either part refuses a page (an unknown field, another type,
a text that no warehouse can store), that is no error: `tolerant_rows` makes its rows, with every
value in a column or in `extra`. A test checks that both make the same rows.
"""

from __future__ import annotations

import re
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
from chatislav_source.records.record_batch import Flagged, flagged_versions, flags_of
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.records.sanitize import SAFE_KEY_CHARACTERS
from chatislav_source.records.schema import CONVERSATIONS, row_version
from chatislav_source.records.structs import struct_of


class Conversation(Struct, kw_only=True):
    """The fields of a conversation that code reads by name; `CONVERSATION` has all fields."""

    session_id: str = msgspec.field(name="sessionId")
    bot_id: int = msgspec.field(name="botId")
    messages: Raw
    created_at: str | None = msgspec.field(name="createdAt", default=None)
    last_activity: str | None = msgspec.field(name="lastActivity", default=None)


class SentAt(Struct, gc=False):
    """The field of a message that says when it was sent."""

    created_at: str | None = msgspec.field(name="createdAt", default=None)


class Pagination(Struct, gc=False):
    """Whether there is another page, and its token."""

    has_more: bool = msgspec.field(name="hasMore")
    next_token: str | None = msgspec.field(name="nextCursor", default=None)


if TYPE_CHECKING:
    CONVERSATION = Conversation
else:
    CONVERSATION = struct_of(CONVERSATIONS.json_paths, model=Conversation)


class Envelope(Struct, gc=False):
    """A response of `POST /conversations`."""

    conversations: list[CONVERSATION]
    pagination: Pagination


class RawEnvelope(Struct, gc=False):
    """A response whose conversations are not decoded."""

    conversations: list[Raw]


ENVELOPE = msgspec.json.Decoder(Envelope)
RAW_ENVELOPE = msgspec.json.Decoder(RawEnvelope)
CONVERSATION_DECODER = msgspec.json.Decoder(CONVERSATION)
SENT_AT = msgspec.json.Decoder(list[SentAt])
# a pair of surrogates, a lone one, or any other escape
ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.")


@dataclass(frozen=True)
class FastRecords:
    """The conversations of one page; rows are made later, together with those of other pages.

    `read_at` becomes `synced_at`. `created` and `active` are the microseconds of `createdAt` and of
    `lastActivity` since 1970 in UTC, None where there is none.
    """

    conversations: Sequence[Conversation] = field(repr=False)  # personal data, and so is the body
    body: bytes = field(repr=False)
    bot_id: int
    read_at: datetime
    created: list[int | None]
    active: list[int | None]
    flagged: Flagged = None

    @cached_property
    def session_ids(self) -> list[str]:
        """The ids, in the order of the page."""
        return [each.session_id for each in self.conversations]

    @cached_property
    def versions(self) -> list[str]:
        """The `_version` of each row, in the order of the page."""
        versions = [version_of(each) for each in self.conversations]
        return versions if self.flagged is None else flagged_versions(versions, self.flags)

    @cached_property
    def flags(self) -> list[bool | None]:
        """`guardrail_flagged` of each conversation, in the order of the page."""
        return flags_of(self.session_ids, self.flagged)

    def days_of_messages(self, number: int) -> set[date]:
        """The days on which the messages of one conversation were sent; empty if not documented."""
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
    def rejected(self) -> Sequence[RejectedRecord]:
        """Empty: a page with records that cannot be loaded is refused here."""
        return ()

    @property
    def has_more(self) -> bool:
        """Whether the window has another page."""
        return self.envelope.pagination.has_more

    @property
    def next_token(self) -> str | None:
        """The token of that page; None if there is none."""
        return self.envelope.pagination.next_token

    def records(self, read_at: datetime, flagged: Flagged = None) -> FastRecords:
        """The conversations; `read_at` is when the response arrived."""
        conversations = self.envelope.conversations
        return FastRecords(
            conversations, self.body, self.bot_id, read_at, self.created, self.active, flagged
        )


def decode_page(body: bytes, bot_id: int) -> FastPage | None:
    """The page in `body`; None if its shape is not as documented. Times without offset are UTC."""
    if NUL.search(body):  # the decoder itself refuses lone surrogates
        return None
    try:
        _check_utf8(body)  # the decoder does not check raw fields
        envelope = ENVELOPE.decode(body)
        if not _is_of(bot_id, envelope):
            return None
        # not with Arrow: each of its calls releases the interpreter lock, which is slow to get
        # back for one page at a time
        created = _times([each.created_at for each in envelope.conversations])
        active = _times([each.last_activity for each in envelope.conversations])
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    return FastPage(envelope, body, bot_id, created, active)


def _times(texts: list[str | None]) -> list[int | None]:
    read = datetime.fromisoformat
    return [None if text is None else microseconds(read(text)) for text in texts]


def _is_of(bot_id: int, envelope: Envelope) -> bool:
    """Whether the next page has a token, and each conversation a storable id and this bot."""
    if envelope.pagination.has_more and not envelope.pagination.next_token:
        return False
    return all(
        each.bot_id == bot_id and 0 < len(each.session_id) <= SAFE_KEY_CHARACTERS
        for each in envelope.conversations
    )


def _check_utf8(body: bytes) -> None:
    # with Arrow, as bytes.decode copies up to four times the size and holds the interpreter lock
    ends = pa.py_buffer(struct.pack("=qq", 0, len(body)))
    pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(body)).validate(full=True)


def days_of_messages(conversation: Conversation) -> set[date]:
    """The days on which its messages were sent; empty if their shape is not as documented."""
    try:
        texts = [message.created_at for message in SENT_AT.decode(conversation.messages)]
        sent = instants(pa.array(texts, pa.string()), UTC)
    except (msgspec.MsgspecError, ValueError):
        return set()
    return {moment.date() for moment in sent.drop_null().to_pylist()}


def version_of(conversation: Conversation) -> str:
    """The `_version` of the conversation: it differs if any value differs."""
    return row_version(msgspec.json.encode(conversation), UTC)


def version_of_raw(raw: Raw) -> str | None:
    """The `_version` of one conversation of a page; None if it is not as documented."""
    try:
        return version_of(CONVERSATION_DECODER.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def raw_conversations(body: bytes) -> list[Raw]:
    """The conversations of a page, not decoded; empty if that is impossible."""
    try:
        return RAW_ENVELOPE.decode(body).conversations
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []


def without_lone_surrogates(body: bytes) -> bytes:
    """The body with a replacement character for each surrogate that is in no pair.

    msgspec refuses a body that has one, also in a conversation that is not decoded.
    """
    return ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
