"""The change filter: leaves out rows that the tables already hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from chatislav_source.records.record_batch import RecordBatch, kept_rows
from chatislav_source.records.schema import flagged_version
from chatislav_source.runner.conversations import dedup
from chatislav_source.runner.conversations.dedup import ConversationsPage
from chatislav_source.streams.conversations import state
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, merged
from chatislav_source.streams.state import State
from chatislav_source.streams.version_map import VersionMap


class ChangeFilter:
    """Leaves out the conversations of one bot that the tables already hold.

    `stored` has the versions in the tables; it follows what is handed out; `sealed` makes them of
    the version that was read. If the whole run is one load package, a second version of a
    conversation is left out, and the next run reads its window again. Without `with_flags`, a row
    that has its flag of an earlier run is left as it is.
    """

    def __init__(
        self,
        stored: VersionMap,
        today: date,
        sealed: Callable[[str], str] = str,
        with_flags: bool = False,
    ) -> None:
        self.unchanged = 0
        self._sealed = sealed
        self._with_flags = with_flags
        self._stored = stored
        self._today = today
        self._in_package: set[str] = set()  # only used if the whole run is one package
        self._again: list[DateWindow] = []

    def apply(
        self,
        page: ConversationsPage,
        batch: RecordBatch,
        differing: set[str],
        is_whole_run: bool,
    ) -> RecordBatch:
        """The rows of `batch`, which has the rows of `page`, that must be written.

        `differing` conversations have several different copies, so they are always written.
        """
        keep = []
        for session_id, version in zip(batch.session_ids, batch.versions, strict=True):
            known = None if session_id in differing else version
            keep.append(self._is_written(session_id, known, page, is_whole_run))
        return batch if all(keep) else kept_rows(batch, keep)

    def _is_written(
        self, session_id: str, version: str | None, page: ConversationsPage, is_whole_run: bool
    ) -> bool:
        if self._holds(session_id, version):
            self.unchanged += 1
            return False
        if is_whole_run and session_id in self._in_package:
            window = page.request.window
            last_day = max(window.first_day, window.last_day or self._today)
            self._again = merged([*self._again, DateWindow(window.first_day, last_day)])
            return False
        self._note(session_id, version, page)
        if is_whole_run:
            self._in_package.add(session_id)
        return True

    def _holds(self, session_id: str, version: str | None) -> bool:
        """Whether the tables hold just this version."""
        if version is None or session_id not in self._stored:
            return False
        flags = (None,) if self._with_flags else (None, True, False)
        versions = (self._sealed(flagged_version(version, flag)) for flag in flags)
        return any(self._stored.has(session_id, each) for each in versions)

    def _note(self, session_id: str, version: str | None, page: ConversationsPage) -> None:
        """Note the version that is handed out; None if it is not known.

        New conversations are noted if they are among the newest days, which a run reads repeatedly:
        all those of a first load would need too much memory.
        """
        is_new = not page.request.window.ends_before(self._today - ONE_DAY)
        if session_id in self._stored or (version is not None and is_new):
            self._stored.note(session_id, None if version is None else self._sealed(version))

    def changed(self, page: ConversationsPage) -> set[str]:
        """The conversations of `page` whose version is not known to be in the tables."""
        if page.item is None:
            return set()
        read = zip(page.item.session_ids, page.item.versions, strict=True)
        return {session_id for session_id, version in read if not self._holds(session_id, version)}

    def noted_in(self, known: State) -> State:
        """The bot's state with the windows to read again."""
        if not self._again:
            return known
        windows = merged([*state.parsed(known["again"]), *self._again])
        return {**known, "again": [str(window) for window in windows]}


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
