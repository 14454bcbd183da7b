"""The hot path, second half: decoded pages become rows together.

Arrow reads the messages of all pages in its own threads, without the interpreter, which other
threads have meanwhile; and what a call costs is spent once for many pages. Most of that is to get
the interpreter back from them, a part of a millisecond: so nothing is computed page by page here,
but where a conversation has no messages. See `typed_page.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import accumulate, chain

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as json
from msgspec import Raw

from chatislav_source.records.convert import instants
from chatislav_source.records.fast_decode import Contact, Conversation, Decoded, Summary
from chatislav_source.records.schema import ARROW_TYPES, CONVERSATIONS, DELETED, MESSAGES
from chatislav_source.records.tolerant_rows import RecordBatch

INSTANT = ARROW_TYPES["timestamp"]
CONVERSATIONS_SCHEMA = CONVERSATIONS.arrow_schema
MESSAGES_SCHEMA = MESSAGES.arrow_schema
MESSAGE = pa.struct([(name, pa.string()) for name in ("id", "createdAt", "role", "content")])
AS_DOCUMENTED = json.ParseOptions(
    explicit_schema=pa.schema([("messages", pa.list_(MESSAGE))]), unexpected_field_behavior="error"
)
LINE_START, LINE_END = b'{"messages":', b"}\n"
BETWEEN_LINES = LINE_END + LINE_START
BLOCK_BYTES = 1024 * 1024  # of messages that one of Arrow's threads reads
SUMMARIES = msgspec.json.Decoder(list[Summary | None])
NO_CONTACT = Contact()
NO_SUMMARY = Summary()


def typed_rows(pages: Sequence[Decoded]) -> list[RecordBatch] | None:
    """The rows of each page; None if a value of one does not fit its column after all."""
    items = list(chain.from_iterable(page.items for page in pages))
    try:
        lists = _message_lists(items, max((len(page.body) for page in pages), default=0))
        conversations = _conversations(pages, items, lists.value_lengths())
        parents = pc.list_parent_indices(lists)
        messages = _messages(lists, parents, conversations)
    # ArrowInvalid is a ValueError; the decoder goes less deep where more calls are under way
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    return list(Together(lists, parents, conversations, messages).cut(pages))


def _message_lists(items: Sequence[Conversation], longest: int) -> pa.ListArray:
    """The messages of each conversation, none of `longest` bytes; refused if not as documented."""
    if not items:
        return pa.array([], pa.list_(MESSAGE))
    # with an empty text at each end, so that nothing need be put before it, which is a copy
    joined = BETWEEN_LINES.join([b"", *[item.messages for item in items], b""])
    lines = pa.py_buffer(joined)[len(LINE_END) : -len(LINE_START)]
    options = json.ReadOptions(block_size=max(BLOCK_BYTES, longest))
    lists = json.read_json(pa.BufferReader(lines), options, AS_DOCUMENTED)["messages"]
    lists = lists.combine_chunks()
    if len(lists) != len(items) or lists.null_count or lists.values.null_count:
        raise ValueError("messages that are missing or null")
    return lists


def _conversations(
    pages: Sequence[Decoded], items: Sequence[Conversation], counts: pa.Array
) -> pa.Table:
    contacts = [item.contact or NO_CONTACT for item in items]
    summaries = [summary or NO_SUMMARY for summary in _summaries(items)]
    return pa.table(
        [
            _each(pages, [page.bot_id for page in pages], pa.int64()),
            pa.array([item.sessionId for item in items], pa.string()),
            pa.array([item.companyId for item in items], pa.string()),
            _times([page.created for page in pages]),
            _times([page.active for page in pages]),
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
            pa.nulls(len(items), pa.string()),
            _each(pages, [page.read_at for page in pages], INSTANT),
        ],
        schema=CONVERSATIONS_SCHEMA,
    )


def _summaries(items: Sequence[Conversation]) -> list[Summary | None]:
    return SUMMARIES.decode(b"[" + b",".join([item.summary for item in items]) + b"]")


def _times(microseconds: Sequence[Sequence[int | None]]) -> pa.Array:
    return pa.array(list(chain.from_iterable(microseconds)), pa.int64()).cast(INSTANT)


def _each(pages: Sequence[Decoded], values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """The value of its page for each conversation."""
    numbers = [number for number, page in enumerate(pages) for _ in page.items]
    return pa.array(values, kind).take(pa.array(numbers, pa.int32()))


def _json(values: list[Raw]) -> pa.Array:
    """The JSON texts as they were sent, a line each; the decoder has refused what is unstorable."""
    joined = b"".join(values)
    if b"\n" in joined:
        raise ValueError("more than one line")  # which JSON lines cannot hold
    ends = pa.array(list(accumulate(map(len, values), initial=0)), pa.int32())
    texts = pa.StringArray.from_buffers(len(values), ends.buffers()[1], pa.py_buffer(joined))
    return pc.if_else(pc.equal(texts, "null"), None, texts)


def _messages(lists: pa.ListArray, parents: pa.Array, conversations: pa.Table) -> pa.Table:
    """A row for each message; `parents` are the numbers of their conversations."""
    messages = lists.values
    of_parents = conversations.select(["bot_id", "session_id", "synced_at"]).take(parents)
    ids, created, roles, contents = messages.flatten()
    return pa.table(
        [
            of_parents["bot_id"],
            of_parents["session_id"],
            pc.subtract(pa.arange(0, len(messages)), lists.offsets.take(parents)),
            ids,
            instants(created, UTC),
            roles,
            contents,
            pa.nulls(len(messages), pa.string()),
            of_parents["synced_at"],
            pa.nulls(len(messages), pa.bool_()),
        ],
        schema=MESSAGES_SCHEMA,
    )


@dataclass(frozen=True)
class Together:
    """The rows of several pages."""

    lists: pa.ListArray
    parents: pa.Array
    conversations: pa.Table
    messages: pa.Table

    def cut(self, pages: Sequence[Decoded]) -> Iterator[RecordBatch]:
        """The rows page by page, copied only where some must clear messages."""
        starts = self.lists.offsets.to_pylist()  # of each conversation's messages, and the end
        parents = self._parents(pages)
        first = 0
        for page in pages:
            after = first + len(page.items)
            conversations = self.conversations.slice(first, len(page.items))
            begin, count = starts[first], starts[after] - starts[first]
            messages, of_page = self.messages.slice(begin, count), parents.slice(begin, count)
            empty = [n - first for n in range(first, after) if starts[n] == starts[n + 1]]
            if empty:
                messages, of_page = _with_clearing(messages, of_page, conversations, empty)
            yield RecordBatch(
                conversations,
                messages,
                of_page,
                has_messages=[True] * len(page.items),
                session_ids=page.session_ids,
                created=page.created,
                active=page.active,
            )
            first = after

    def _parents(self, pages: Sequence[Decoded]) -> pa.Array:
        """For each message, the place on its page of the conversation it belongs to."""
        places = chain.from_iterable(range(len(page.items)) for page in pages)
        return pa.array(list(places), pa.int32()).take(self.parents)


def _with_clearing(
    messages: pa.Table, parents: pa.Array, conversations: pa.Table, empty: list[int]
) -> tuple[pa.Table, pa.Array]:
    """The messages and parents, with rows that clear the messages of those that have none."""
    places = pa.array(empty, pa.int32())
    clearing = _clearing(conversations.take(places))
    return pa.concat_tables([messages, clearing]), pa.concat_arrays([parents, places])


def _clearing(conversations: pa.Table) -> pa.Table:
    count = conversations.num_rows
    columns = {name: conversations[name] for name in ("bot_id", "session_id", "synced_at")}
    columns[DELETED] = pa.repeat(pa.scalar(True), count)
    nothing = {field.name: pa.nulls(count, field.type) for field in MESSAGES_SCHEMA}
    return pa.table(list((nothing | columns).values()), schema=MESSAGES_SCHEMA)
