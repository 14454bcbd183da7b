"""Which of the rows that were read a load must write, and what the state says of them then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.tolerant_rows import RecordBatch
from chatislav_source.runner import dedup as batch
from chatislav_source.runner.row_digests import RowDigests
from chatislav_source.runner.worker_pool import ExtractedPage
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.page import kept_rows
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, merged
from chatislav_source.streams.state import State


class ChangeFilter:
    """What one run has handed out of one bot's conversations.

    `loaded` is what the tables hold; None for a backfill, which leaves the state as it is. Windows
    that end before `settled_before` are not read by the next sync, so what it need not compare is
    forgotten; None if there are none. In a whole run all loads are one, where no conversation may
    come twice: a newer copy waits, and its window is read again by the next run.
    """

    def __init__(
        self, loaded: RowDigests | None, today: date, settled_before: date | None = None
    ) -> None:
        self.unchanged = 0
        self._keeps_state = loaded is None
        self._loaded = loaded or RowDigests()
        self._today = today
        self._settled_before = settled_before
        self._handed_out: set[str] = set()
        self._again: list[DateWindow] = []

    @classmethod
    def of_sync(cls, known: State, today: date) -> ChangeFilter:
        """What the sync under way hands out; `known` is the bot's state."""
        settled_before = state.day_of(known["progress"]["settled_before"])
        return cls(RowDigests(known["digests"]), today, settled_before)

    def take(
        self, piece: ExtractedPage, page: RecordBatch, differing: set[str], is_whole_run: bool
    ) -> RecordBatch:
        """The rows of `page`, which are what is left of `piece`, that must be written.

        Of `differing` conversations other copies are left out, from which the messages may be.
        """
        digests = self._digests_of(piece)
        if not (digests or is_whole_run or self._loaded.may_know(page.session_ids)):
            return page  # nothing is remembered, so nothing is left out
        keep = []
        for (_, session_id), _ in batch.keys_and_activity(page):
            digest = None if session_id in differing else digests.get(session_id)
            keep.append(self._is_written(session_id, digest, piece, is_whole_run))
        return page if all(keep) else kept_rows(page, keep)

    def _digests_of(self, piece: ExtractedPage) -> dict[str, bytes]:
        if self._loaded.is_of_use or self._is_newest(piece):
            found: dict[str, bytes] = piece.result.digests()
            return found
        return {}

    def _is_written(
        self, session_id: str, digest: bytes | None, piece: ExtractedPage, is_whole_run: bool
    ) -> bool:
        if self._loaded.holds(session_id, digest):
            self.unchanged += 1
            if self._is_settled(piece):
                self._loaded.settle(session_id)
            return False
        if is_whole_run and session_id in self._handed_out:
            window = piece.request.window
            last_day = max(window.first_day, window.last_day or self._today)
            self._again = merged([*self._again, DateWindow(window.first_day, last_day)])
            return False
        kept = None if self._is_settled(piece) else digest
        self._loaded.note(session_id, kept, self._is_newest(piece))
        if is_whole_run:
            self._handed_out.add(session_id)
        return True

    def _is_newest(self, piece: ExtractedPage) -> bool:
        return not piece.request.window.ends_before(self._today - ONE_DAY)

    def _is_settled(self, piece: ExtractedPage) -> bool:
        before = self._settled_before
        return before is not None and piece.request.window.ends_before(before)

    def changed(self, piece: ExtractedPage) -> set[str]:
        """The conversations of `piece` that the tables are not known to hold just so."""
        digests = self._digests_of(piece)
        ids = piece.result.session_ids
        return {each for each in ids if not self._loaded.holds(each, digests.get(each))}

    def noted_in(self, known: State) -> State:
        """The bot's state with what the tables hold now, and what must be read again."""
        if self._again:
            windows = merged([*state.parsed(known["again"]), *self._again])
            known = {**known, "again": [str(window) for window in windows]}
        return known if self._keeps_state else {**known, "digests": self._loaded.text}


class PackageKeys:
    """The conversations that one load was given; none of them may come twice in it.

    Arrow keeps their keys, eight bytes each where a set of Python takes nine times as many.
    """

    def __init__(self, writings: dict[int, ChangeFilter]) -> None:
        self._writings = writings
        self._keys: dict[int, list[pa.Array]] = {bot_id: [] for bot_id in writings}

    def takes(self, read: Sequence[ExtractedPage]) -> bool:
        """Note what these pieces have; False if some of it is there, and would be written again."""
        found = batch.keys_by_bot(read)
        keys = {bot_id: pa.array(list(found[bot_id]), pa.int64()) for bot_id in found}
        again = {bot_id: self._again(bot_id, given) for bot_id, given in keys.items()}
        differing = differing_copies(read) if any(again.values()) else {}
        for piece in read:
            those = again[piece.bot_id]
            if those and self._is_written_again(piece, those, differing[piece.bot_id]):
                return False
        for bot_id, given in keys.items():
            self._keys[bot_id].append(given)
        return True

    def _again(self, bot_id: int, keys: pa.Array) -> set[int]:
        """Which of `keys` the load was given before."""
        known = pa.chunked_array(self._keys[bot_id], pa.int64())
        return set(known.filter(pc.is_in(known, keys)).to_pylist())

    def _is_written_again(self, piece: ExtractedPage, again: set[int], differing: set[str]) -> bool:
        page = piece.result
        written = self._writings[piece.bot_id].changed(piece) | differing
        return any(
            key in again and session_id in written
            for session_id, key in zip(page.session_ids, page.keys, strict=True)
        )


def differing_copies(read: Sequence[ExtractedPage]) -> dict[int, set[str]]:
    """By bot, the conversations of which these pieces have copies that are not seen to be equal."""
    differing: dict[int, set[str]] = {}
    for bot_id in {piece.bot_id for piece in read}:
        pages = [piece.result for piece in read if piece.bot_id == bot_id]
        copies = Counter(session_id for page in pages for session_id in page.session_ids)
        several = {session_id for session_id, number in copies.items() if number > 1}
        versions: dict[str, list[bytes | None]] = {session_id: [] for session_id in several}
        for page in pages:
            for session_id in several.intersection(page.session_ids):
                versions[session_id].append(page.digests().get(session_id))
        # of a conversation that one page has twice, only one digest is there
        differing[bot_id] = {
            each for each in several if not _are_equal(versions[each], copies[each])
        }
    return differing


def _are_equal(versions: list[bytes | None], copies: int) -> bool:
    return len(versions) == copies and len(set(versions)) == 1 and versions[0] is not None


def written(
    writings: dict[int, ChangeFilter], read: Sequence[ExtractedPage], is_whole_run: bool
) -> list[RecordBatch]:
    """The rows of these pieces that a load must write, each conversation once."""
    rows = [piece.result.rows for piece in read]
    differing: dict[int, set[str]] = {}
    distinct = sum(map(len, batch.keys_by_bot(read).values()))
    if distinct < sum(len(piece.result.keys) for piece in read):
        rows = batch.newest([piece.result for piece in read])
        differing = differing_copies(read)
    return [
        writings[piece.bot_id].take(piece, page, differing.get(piece.bot_id, set()), is_whole_run)
        for piece, page in zip(read, rows, strict=True)
    ]
