"""What one load gets: pages put together, each conversation once, the newest of it.

The merge in the warehouse needs each key at most once per load; a key that comes twice would be
stored twice, or stop the load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.records.tolerant_rows import RecordBatch
from chatislav_source.runner.worker_pool import ExtractedPage
from chatislav_source.streams.conversations.page import Page, kept_rows

Key = tuple[int, str]


@dataclass
class _Place:
    """Where the newest copy of a conversation is: page, row and its last activity."""

    page: int
    row: int
    active: int


def keys_by_bot(read: Sequence[ExtractedPage]) -> dict[int, set[int]]:
    """By bot, a hash of each conversation in these pieces."""
    keys: dict[int, set[int]] = {}
    for piece in read:
        keys.setdefault(piece.bot_id, set()).update(piece.result.keys)
    return keys


def newest(pages: Sequence[Page]) -> list[RecordBatch]:
    """The rows of `pages`, in the order they were fetched, without older copies.

    A later last activity wins, a tie goes to the one fetched last. Messages are taken from the
    newest copy that has them: where they are unknown, older ones are better than none.
    """
    rows = [page.rows for page in pages]
    copies: dict[Key, _Place] = {}
    with_messages: dict[Key, _Place] = {}
    repeated = False
    for number, page in enumerate(rows):
        for row, (key, active) in enumerate(keys_and_activity(page)):
            place = _Place(number, row, active)
            repeated |= key in copies
            _put(copies, key, place)
            if page.has_messages[row]:
                _put(with_messages, key, place)
    if not repeated:
        return rows
    return [_without_older(number, rows, copies, with_messages) for number in range(len(rows))]


def _put(places: dict[Key, _Place], key: Key, place: _Place) -> None:
    known = places.get(key)
    if known is None or place.active >= known.active:
        places[key] = place


def _without_older(
    number: int,
    rows: Sequence[RecordBatch],
    copies: dict[Key, _Place],
    with_messages: dict[Key, _Place],
) -> RecordBatch:
    keys = [key for key, _ in keys_and_activity(rows[number])]
    is_newest = [(copies[key].page, copies[key].row) == (number, n) for n, key in enumerate(keys)]
    if all(is_newest) and all(rows[number].has_messages):
        return rows[number]  # as most are
    kept = kept_rows(rows[number], is_newest)
    kept_keys = [key for key, newest_here in zip(keys, is_newest, strict=True) if newest_here]
    for row, key in enumerate(kept_keys):
        if key in with_messages and not kept.has_messages[row]:
            kept = _with_messages_of(kept, row, rows[with_messages[key].page], with_messages[key])
    return kept


def _with_messages_of(
    page: RecordBatch, row: int, lender: RecordBatch, place: _Place
) -> RecordBatch:
    """The page with the messages that an older copy of its `row` has."""
    lent = lender.messages.filter(pc.equal(lender.parents, place.row))
    parents = pa.array([*page.parents.to_pylist(), *[row] * lent.num_rows], pa.int32())
    known = [has or n == row for n, has in enumerate(page.has_messages)]
    messages = pa.concat_tables([page.messages, lent])
    return replace(page, messages=messages, parents=parents, has_messages=known)


def keys_and_activity(page: RecordBatch) -> list[tuple[Key, int]]:
    """Key and last activity of each conversation; microseconds, -1 where it is not known."""
    if not page.session_ids:
        return []
    bot_id = page.conversations["bot_id"][0].as_py()
    return [
        ((bot_id, session_id), -1 if moment is None else moment)
        for session_id, moment in zip(page.session_ids, page.active, strict=True)
    ]


def joined(rows: Sequence[RecordBatch]) -> tuple[pa.Table, pa.Table]:
    """One table of conversations and one of messages; both empty if there are no rows."""
    if not rows:
        return CONVERSATIONS.arrow_schema.empty_table(), MESSAGES.arrow_schema.empty_table()
    return (
        pa.concat_tables([page.conversations for page in rows]),
        pa.concat_tables([page.messages for page in rows]),
    )
