"""The windows of a partition that are still to be read, and how large the next one is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from chatislav_source.streams.conversations.window_sizer import WindowSizer
from chatislav_source.streams.date_window import DateWindow


class WindowQueue:
    """Cuts ranges of days into windows, newest first; windows to read again go before."""

    def __init__(self, ranges: Iterable[DateWindow], sizer: WindowSizer) -> None:
        self._ranges = list(ranges)
        self._windows: deque[DateWindow] = deque()  # to be read as they are, not cut or joined
        self.sizer = sizer

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to begin."""
        return not (self._windows or self._ranges)

    @property
    def left(self) -> list[DateWindow]:
        """All days that are left to begin."""
        return [*self._ranges, *self._windows]

    def add(self, windows: Iterable[DateWindow]) -> None:
        """Have these windows read as they are."""
        self._windows.extend(windows)

    def pop(self) -> DateWindow | None:
        """The next window to begin; None if there is none."""
        if self._windows:
            return self._windows.popleft()
        if self._ranges:
            window, rest = self._ranges.pop().take_last(self.sizer.window_days)
            self._ranges += [rest] if rest else []
            return window
        return None
