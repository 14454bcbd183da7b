"""Page drift: did rows move between pages while a window was read, and what to read again.

With page tokens that are offsets, a conversation that leaves the pages already read pulls the next
one into their place, where nobody reads again. Two things show that: a page that repeats a
conversation or is short although more follow, and a conversation that is found among the newest
days although it was part of an older window when the sync began.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from chatislav_source.streams.conversations.observations import ChangedDuringSync
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.date_window import DateWindow

MAX_READINGS = 3  # of a window whose pages shift while it is read, before it is split


class PageDriftDetector:
    """Keeps what was read in several pages until the newest days have been read as well."""

    def __init__(self, unverified: Iterable[DateWindow]) -> None:
        self._unverified: dict[DateWindow, array[int] | None] = dict.fromkeys(unverified)
        self._earlier: dict[DateWindow, frozenset[int]] = {}
        self._readings: dict[DateWindow, int] = {}
        self._drifted: set[DateWindow] = set()

    @property
    def unverified(self) -> list[DateWindow]:
        """Windows that may still turn out to have drifted."""
        return [*self._unverified, *self._drifted]

    def close(self, read: OpenWindow) -> list[DateWindow]:
        """What must be read again now that `read` is through; nothing if it looks whole.

        Two readings that gave the same conversations are believed, however odd their pages.
        """
        window = read.window
        keys = frozenset(read.keys)
        agrees = not read.resumed and self._earlier.get(window) == keys
        if read.doubtful and not agrees:
            self._earlier[window] = keys
            self._readings[window] = self._readings.get(window, 0) + 1
            return [window] if self._readings[window] < MAX_READINGS else window.halves()
        self._unverified[window] = None if read.resumed else array("q", keys)
        return []

    def gave_up(self, window: DateWindow) -> bool:
        """Whether `window` has drifted in every reading that it gets in one sync."""
        return window.days == 1 and self._readings.get(window, 0) >= MAX_READINGS

    def observe(self, changed: Sequence[ChangedDuringSync]) -> None:
        """Note conversations of the newest days that changed during the sync."""
        if not changed:
            return
        keys = {conversation.key for conversation in changed}
        for window in [w for w in self._unverified if self._held_one(w, keys, changed)]:
            del self._unverified[window]
            self._drifted.add(window)

    def _held_one(
        self, window: DateWindow, keys: set[int], changed: Sequence[ChangedDuringSync]
    ) -> bool:
        known = self._unverified[window]
        if known is not None:
            return not keys.isdisjoint(known)
        # read by an earlier run: its keys are gone, so the days of the conversations must tell
        days = [conversation.days for conversation in changed]
        return any(not d or any(map(window.widened(1).contains, d)) for d in days)

    def pop_drifted(self) -> list[DateWindow]:
        """The windows that conversations left while they were read; they are forgotten here."""
        drifted, self._drifted = sorted(self._drifted), set()
        return drifted
