"""The change filter: leaves out rows that the tables already hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from chatislav_source.records.record_batch import RecordBatch, kept_rows
from chatislav_source.runner import dedup
from chatislav_source.runner.dedup import ConversationsPage
from chatislav_source.runner.row_digests import RowDigests
from chatislav_source.streams.conversations import state
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, merged
from chatislav_source.streams.state import State


class ChangeFilter:
    """Leaves out the conversations of one bot that the tables already hold.

    `loaded` has digests of rows in the tables; None for a backfill, which does not change them. The
    next sync does not read windows that end before `settled_before` (None: no such windows), so
    their digests are dropped. If the whole run is one load package, a second version of a
    conversation is left out, and the next run reads its window again.
    """

    def __init__(
        self, loaded: RowDigests | None, today: date, settled_before: date | None = None
    ) -> None:
        self.unchanged = 0
        self._keeps_state = loaded is None
        self._loaded = loaded or RowDigests()
        self._today = today
        self._settled_before = settled_before
        self._in_package: set[str] = set()  # only used if the whole run is one package
        self._again: list[DateWindow] = []

    @classmethod
    def of_sync(cls, known: State, today: date) -> ChangeFilter:
        """The filter of the sync whose progress is in `known`, the bot's state."""
        settled_before = state.day_of(known["progress"]["settled_before"])
        return cls(RowDigests(known["digests"]), today, settled_before)

    def apply(
        self,
        page: ConversationsPage,
        batch: RecordBatch,
        differing: set[str],
        is_whole_run: bool,
    ) -> RecordBatch:
        """The rows of `batch`, which has the rows of `page`, that must be written.

        `differing` conversations have several different copies, so their digests are not used.
        """
        digests = self._digests_of(page)
        if not (digests or is_whole_run or self._loaded.may_know(batch.session_ids)):
            return batch  # without digests no row can be left out
        keep = []
        for (_, session_id), _ in dedup.keys_and_activity(batch):
            digest = None if session_id in differing else digests.get(session_id)
            keep.append(self._is_written(session_id, digest, page, is_whole_run))
        return batch if all(keep) else kept_rows(batch, keep)

    def _digests_of(self, page: ConversationsPage) -> dict[str, bytes]:
        if page.item is not None and (self._loaded.is_of_use or self._is_newest(page)):
            return page.item.digests()
        return {}

    def _is_written(
        self, session_id: str, digest: bytes | None, page: ConversationsPage, is_whole_run: bool
    ) -> bool:
        if self._loaded.holds(session_id, digest):
            self.unchanged += 1
            if self._is_settled(page):
                self._loaded.settle(session_id)
            return False
        if is_whole_run and session_id in self._in_package:
            window = page.request.window
            last_day = max(window.first_day, window.last_day or self._today)
            self._again = merged([*self._again, DateWindow(window.first_day, last_day)])
            return False
        kept = None if self._is_settled(page) else digest
        self._loaded.note(session_id, kept, self._is_newest(page))
        if is_whole_run:
            self._in_package.add(session_id)
        return True

    def _is_newest(self, page: ConversationsPage) -> bool:
        return not page.request.window.ends_before(self._today - ONE_DAY)

    def _is_settled(self, page: ConversationsPage) -> bool:
        before = self._settled_before
        return before is not None and page.request.window.ends_before(before)

    def changed(self, page: ConversationsPage) -> set[str]:
        """The conversations of `page` whose version is not known to be in the tables."""
        if page.item is None:
            return set()
        digests = self._digests_of(page)
        ids = page.item.session_ids
        return {each for each in ids if not self._loaded.holds(each, digests.get(each))}

    def noted_in(self, known: State) -> State:
        """The bot's state with the digests of loaded rows, and the windows to read again."""
        if self._again:
            windows = merged([*state.parsed(known["again"]), *self._again])
            known = {**known, "again": [str(window) for window in windows]}
        return known if self._keeps_state else {**known, "digests": self._loaded.text}


def changed_rows(
    filters: Mapping[int, ChangeFilter],
    pages: Sequence[ConversationsPage],
    batches: Sequence[RecordBatch],
    is_whole_run: bool,
) -> list[RecordBatch]:
    """The rows of `batches`, one per page, that a load package must write.

    Each conversation once, in its newest version.
    """
    differing: dict[int, set[str]] = {}
    if dedup.has_repeated(pages):
        batches = dedup.latest_versions(batches)
        differing = dedup.differing_copies(pages)
    return [
        filters[page.bot_id].apply(page, batch, differing.get(page.bot_id, set()), is_whole_run)
        for page, batch in zip(pages, batches, strict=True)
    ]
