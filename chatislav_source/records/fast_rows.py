"""Fast decoding, part 2: makes the rows of many decoded pages at once.

Arrow parses the messages of all pages in its own threads, without the interpreter lock. Each call
of Arrow must get that lock back from other threads, which takes a fraction of a millisecond; so
nothing is computed page by page, except where a conversation has no messages. The columns and their
order are those of the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.fast_decode import Conversation, FastRecords
from chatislav_source.records.fast_messages import Messages, read_messages
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.schema import (
    ARROW_TYPES,
    CONVERSATIONS,
    DELETED,
    GUARDRAIL_FLAGGED,
    LOAD_ID,
    MESSAGES,
    VERSION,
    Table,
)
from chatislav_source.records.structs import ObjectColumns

INSTANT = ARROW_TYPES["timestamp"]
CONVERSATIONS_SCHEMA = CONVERSATIONS.arrow_schema
MESSAGES_SCHEMA = MESSAGES.arrow_schema
OF_PAGE = {"bot_id", "created_at", "last_activity"}  # columns whose values the page has
CONVERSATION_COLUMNS = ObjectColumns(
    {path: each for path, each in CONVERSATIONS.json_paths.items() if each.name not in OF_PAGE}
)


def fast_batches(pages: Sequence[FastRecords]) -> list[RecordBatch] | None:
    """The rows of each page; None if a value does not fit its column."""
    items = list(chain.from_iterable(page.conversations for page in pages))
    longest = max((len(page.body) for page in pages), default=0)
    try:
        messages = read_messages([item.messages for item in items], longest)
        conversations = _conversation_table(pages, items, messages.lists.value_lengths())
    # ArrowInvalid is a ValueError; the decoder's depth limit depends on the call stack
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    parents = pc.list_parent_indices(messages.lists)
    table = _message_table(messages, parents, conversations)
    return list(CombinedRows(messages.lists, parents, conversations, table).cut(pages))


def _conversation_table(
    pages: Sequence[FastRecords], items: Sequence[Conversation], counts: pa.Array
) -> pa.Table:
    ours = {
        "bot_id": _each(pages, [page.bot_id for page in pages], pa.int64()),
        "created_at": _times([page.created for page in pages]),
        "last_activity": _times([page.active for page in pages]),
        "message_count": counts.cast(pa.int64()),
        GUARDRAIL_FLAGGED.name: _flags(pages, len(items)),
        "extra": pa.nulls(len(items), pa.string()),
        "synced_at": _each(pages, [page.read_at for page in pages], INSTANT),
        VERSION.name: pa.array([each for page in pages for each in page.versions], pa.string()),
        LOAD_ID.name: pa.nulls(len(items), pa.string()),
    }
    return _table(CONVERSATIONS, CONVERSATION_COLUMNS.arrays(items) | ours)


def _table(table: Table, arrays: dict[str, pa.Array]) -> pa.Table:
    schema = CONVERSATIONS_SCHEMA if table is CONVERSATIONS else MESSAGES_SCHEMA
    return pa.table([arrays[column.name] for column in table.columns], schema=schema)


def _times(microseconds: Sequence[Sequence[int | None]]) -> pa.Array:
    return pa.array(list(chain.from_iterable(microseconds)), pa.int64()).cast(INSTANT)


def _flags(pages: Sequence[FastRecords], count: int) -> pa.Array:
    if all(page.flagged is None for page in pages):
        return pa.nulls(count, pa.bool_())
    return pa.array([flag for page in pages for flag in page.flags], pa.bool_())


def _each(pages: Sequence[FastRecords], values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """For each conversation, the value of its page."""
    numbers = [number for number, page in enumerate(pages) for _ in page.conversations]
    return pa.array(values, kind).take(pa.array(numbers, pa.int32()))


def _message_table(messages: Messages, parents: pa.Array, conversations: pa.Table) -> pa.Table:
    """A row for each message; `parents` has the row of its conversation for each."""
    of_parents = conversations.select(["bot_id", "session_id", "synced_at"]).take(parents)
    count = len(parents)
    ours = {
        "bot_id": of_parents["bot_id"],
        "session_id": of_parents["session_id"],
        "message_index": pc.subtract(pa.arange(0, count), messages.lists.offsets.take(parents)),
        "extra": pa.nulls(count, pa.string()),
        "synced_at": of_parents["synced_at"],
        LOAD_ID.name: pa.nulls(count, pa.string()),
        DELETED: pa.nulls(count, pa.bool_()),
    }
    return _table(MESSAGES, messages.columns | ours)


@dataclass(frozen=True)
class CombinedRows:
    """The rows of several pages."""

    lists: pa.ListArray
    parents: pa.Array
    conversations: pa.Table
    messages: pa.Table

    def cut(self, pages: Sequence[FastRecords]) -> Iterator[RecordBatch]:
        """The rows page by page; copied only if a row that clears messages is added."""
        starts = self.lists.offsets.to_pylist()  # first message of each conversation, and the end
        parents = self._parents(pages)
        first = 0
        for page in pages:
            count = len(page.conversations)
            after = first + count
            conversations = self.conversations.slice(first, count)
            begin, length = starts[first], starts[after] - starts[first]
            messages, of_page = self.messages.slice(begin, length), parents.slice(begin, length)
            empty = [n - first for n in range(first, after) if starts[n] == starts[n + 1]]
            if empty:
                messages, of_page = _with_clearing(messages, of_page, conversations, empty)
            yield RecordBatch(
                conversations,
                messages,
                of_page,
                has_messages=[True] * count,
                session_ids=page.session_ids,
                versions=page.versions,
                created=page.created,
                active=page.active,
            )
            first = after

    def _parents(self, pages: Sequence[FastRecords]) -> pa.Array:
        """For each message, the position of its conversation on the page."""
        places = chain.from_iterable(range(len(page.conversations)) for page in pages)
        return pa.array(list(places), pa.int32()).take(self.parents)


def _with_clearing(
    messages: pa.Table, parents: pa.Array, conversations: pa.Table, empty: list[int]
) -> tuple[pa.Table, pa.Array]:
    """The messages and parents, with a clearing row for each conversation in `empty`."""
    places = pa.array(empty, pa.int32())
    clearing = _clearing(conversations.take(places))
    return pa.concat_tables([messages, clearing]), pa.concat_arrays([parents, places])


def _clearing(conversations: pa.Table) -> pa.Table:
    count = conversations.num_rows
    columns = {name: conversations[name] for name in ("bot_id", "session_id", "synced_at")}
    columns[DELETED] = pa.repeat(pa.scalar(True), count)
    nothing = {field.name: pa.nulls(count, field.type) for field in MESSAGES_SCHEMA}
    return _table(MESSAGES, nothing | columns)
