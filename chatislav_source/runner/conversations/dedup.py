"""De-duplication: each conversation at most once in a load package, in its newest version.

The merge in the warehouse needs each key at most once per package; a repeated key would be stored
twice, or fail the load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.records.record_batch import RecordBatch, kept_rows
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.streams.conversations.page import Page, PageRequest

ConversationsPage = ExtractedPage[PageRequest, Page]
Key = tuple[int, str]
"""Bot and session id."""


@dataclass
class _Place:
    """The batch and row of a version of a conversation, and its last activity in microseconds."""

    batch: int
    row: int
    active: int


def items_of(pages: Sequence[ConversationsPage]) -> list[Page]:
    """The items of the pages, without failed requests."""
    return [page.item for page in pages if page.item is not None]


def keys_by_bot(pages: Sequence[ConversationsPage]) -> dict[int, set[int]]:
    """By bot, a hash of each conversation on these pages."""
    keys: dict[int, set[int]] = {}
    for page in pages:
        if page.item is not None:
            keys.setdefault(page.bot_id, set()).update(page.item.keys)
    return keys


def has_repeated(pages: Sequence[ConversationsPage]) -> bool:
    """Whether these pages have a conversation more than once."""
    distinct = sum(map(len, keys_by_bot(pages).values()))
    return distinct < sum(len(item.keys) for item in items_of(pages))


def latest_versions(batches: Sequence[RecordBatch]) -> list[RecordBatch]:
    """The batches, given in the order of fetching, without older versions of a conversation.

    The version with the latest activity wins; of equal ones, the one fetched last. Messages are
    taken from the newest version whose messages are known.
    """
    latest: dict[Key, _Place] = {}
    with_messages: dict[Key, _Place] = {}
    repeated = False
    for number, batch in enumerate(batches):
        for row, (key, active) in enumerate(keys_and_activity(batch)):
            place = _Place(number, row, active)
            repeated |= key in latest
            _put(latest, key, place)
            if batch.has_messages[row]:
                _put(with_messages, key, place)
    if not repeated:
        return list(batches)
    return [
        _without_older(number, batches, latest, with_messages) for number in range(len(batches))
    ]


def _put(places: dict[Key, _Place], key: Key, place: _Place) -> None:
    known = places.get(key)
    if known is None or place.active >= known.active:
        places[key] = place


def _without_older(
    number: int,
    batches: Sequence[RecordBatch],
    latest: dict[Key, _Place],
    with_messages: dict[Key, _Place],
) -> RecordBatch:
    batch = batches[number]
    keys = [key for key, _ in keys_and_activity(batch)]
    is_latest = [(latest[key].batch, latest[key].row) == (number, n) for n, key in enumerate(keys)]
    if all(is_latest) and all(batch.has_messages):
        return batch  # the usual case
    kept = kept_rows(batch, is_latest)
    kept_keys = [key for key, is_kept in zip(keys, is_latest, strict=True) if is_kept]
    for row, key in enumerate(kept_keys):
        if key in with_messages and not kept.has_messages[row]:
            place = with_messages[key]
            kept = _with_messages_of(kept, row, batches[place.batch], place)
    return kept


def _with_messages_of(
    batch: RecordBatch, row: int, older: RecordBatch, place: _Place
) -> RecordBatch:
    """The batch with the messages that an older version of its `row` has."""
    taken = older.messages.filter(pc.equal(older.parents, place.row))
    parents = pa.array([*batch.parents.to_pylist(), *[row] * taken.num_rows], pa.int32())
    known = [has or n == row for n, has in enumerate(batch.has_messages)]
    messages = pa.concat_tables([batch.messages, taken])
    return replace(batch, messages=messages, parents=parents, has_messages=known)


def keys_and_activity(batch: RecordBatch) -> list[tuple[Key, int]]:
    """Key and last activity of each conversation, in microseconds; -1 if it is not known."""
    if not batch.session_ids:
        return []
    bot_id = batch.bot_id
    return [
        ((bot_id, session_id), -1 if moment is None else moment)
        for session_id, moment in zip(batch.session_ids, batch.active, strict=True)
    ]


def joined(batches: Sequence[RecordBatch]) -> tuple[pa.Table, pa.Table]:
    """One table of conversations and one of messages; both empty if there are no batches."""
    if not batches:
        return CONVERSATIONS.arrow_schema.empty_table(), MESSAGES.arrow_schema.empty_table()
    return (
        pa.concat_tables([batch.conversations for batch in batches]),
        pa.concat_tables([batch.messages for batch in batches]),
    )


def differing_copies(pages: Sequence[ConversationsPage]) -> dict[int, set[str]]:
    """By bot, the conversations with several copies on these pages that differ."""
    differing: dict[int, set[str]] = {}
    for bot_id in {page.bot_id for page in pages}:
        items = items_of([page for page in pages if page.bot_id == bot_id])
        copies: dict[str, set[str]] = {}
        for item in items:
            for session_id, version in zip(item.session_ids, item.versions, strict=True):
                copies.setdefault(session_id, set()).add(version)
        differing[bot_id] = {each for each, versions in copies.items() if len(versions) > 1}
    return differing


class Changes(Protocol):
    """Returns the conversations of a page that the tables do not hold; see `ChangeFilter`."""

    def changed(self, page: ConversationsPage) -> set[str]: ...


class PackageKeys:
    """The keys of one load package, in which no key may be written twice.

    The keys are stored in Arrow arrays, at eight bytes each, a ninth of the size of a set.
    """

    def __init__(self, changes: Mapping[int, Changes]) -> None:
        self._changes = changes
        self._keys: dict[int, list[pa.Array]] = {bot_id: [] for bot_id in changes}

    def takes(self, pages: Sequence[ConversationsPage]) -> bool:
        """Add the keys of these pages; False, and none added, if a key would be written again."""
        found = keys_by_bot(pages)
        keys = {bot_id: pa.array(list(found[bot_id]), pa.int64()) for bot_id in found}
        again = {bot_id: self._again(bot_id, given) for bot_id, given in keys.items()}
        differing = differing_copies(pages) if any(again.values()) else {}
        for page in pages:
            those = again.get(page.bot_id)
            if those and self._is_written_again(page, those, differing[page.bot_id]):
                return False
        for bot_id, given in keys.items():
            self._keys[bot_id].append(given)
        return True

    def _again(self, bot_id: int, keys: pa.Array) -> set[int]:
        """Those of `keys` that the package already has."""
        known = pa.chunked_array(self._keys[bot_id], pa.int64())
        return set(known.filter(pc.is_in(known, keys)).to_pylist())

    def _is_written_again(
        self, page: ConversationsPage, again: set[int], differing: set[str]
    ) -> bool:
        if page.item is None:
            return False
        written = self._changes[page.bot_id].changed(page) | differing
        return any(
            key in again and session_id in written
            for session_id, key in zip(page.item.session_ids, page.item.keys, strict=True)
        )
