"""Page drift: detects rows that moved between pages while a window was read.

If page tokens are offsets, a conversation that leaves the pages already read shifts all later rows
forward by one, and the row that crosses a page boundary is skipped. Two signs show that: a page
repeats a conversation, or is short although more pages follow; or a conversation of an older window
is found among the newest days.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from chatislav_source.streams.conversations.observations import ChangedDuringSync
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.date_window import DateWindow

MAX_PASSES = 3  # over an inconsistent window, before it is split


class PageDriftDetector:
    """Keeps the windows read in several pages until the newest days show whether they drifted."""

    def __init__(self, unverified: Iterable[DateWindow]) -> None:
        self._unverified: dict[DateWindow, array[int] | None] = dict.fromkeys(unverified)
        self._earlier: dict[DateWindow, frozenset[int]] = {}
        self._passes: dict[DateWindow, int] = {}
        self._drifted: set[DateWindow] = set()

    @property
    def unverified(self) -> list[DateWindow]:
        """Windows that drifted, or for which it is not known yet."""
        return [*self._unverified, *self._drifted]

    def close(self, opened: OpenWindow) -> list[DateWindow]:
        """The windows to read again after `opened` is complete; empty if it is consistent.

        Inconsistent pages are accepted if two passes in a row return the same conversations.
        """
        window = opened.window
        if opened.doubtful and not self._agrees(opened):
            self._earlier[window] = frozenset(opened.all_keys)
            self._passes[window] = self._passes.get(window, 0) + 1
            return [window] if self._passes[window] < MAX_PASSES else window.halves()
        self._unverified[window] = None if opened.resumed else array("q", opened.all_keys)
        return []

    def _agrees(self, opened: OpenWindow) -> bool:
        """Whether the pass before returned the same conversations."""
        earlier = self._earlier.get(opened.window)
        return not opened.resumed and earlier == frozenset(opened.all_keys)

    def gave_up(self, window: DateWindow) -> bool:
        """Whether `window` was inconsistent in every pass that one sync makes over it."""
        return window.days == 1 and self._passes.get(window, 0) >= MAX_PASSES

    def observe(self, changed: Sequence[ChangedDuringSync]) -> None:
        """Mark the windows that `changed` conversations may have left as drifted."""
        if not changed:
            return
        keys = {conversation.key for conversation in changed}
        for window in [w for w in self._unverified if self._contained_one(w, keys, changed)]:
            del self._unverified[window]
            self._drifted.add(window)

    def _contained_one(
        self, window: DateWindow, keys: set[int], changed: Sequence[ChangedDuringSync]
    ) -> bool:
        known = self._unverified[window]
        if known is not None:
            return not keys.isdisjoint(known)
        # an earlier run read it and its keys are not stored, so the days are compared
        days = [conversation.days for conversation in changed]
        return any(not d or any(map(window.widened(1).contains, d)) for d in days)

    def pop_drifted(self) -> list[DateWindow]:
        """The drifted windows, which are removed from the detector."""
        drifted, self._drifted = sorted(self._drifted), set()
        return drifted
