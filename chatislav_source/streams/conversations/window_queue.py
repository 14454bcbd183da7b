"""The windows of a partition that have not begun yet, and the size of the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from chatislav_source.streams.conversations.window_sizer import WindowSizer
from chatislav_source.streams.date_window import DateWindow


class WindowQueue:
    """Cuts ranges of days into windows, newest first; windows to read again come before them."""

    def __init__(self, ranges: Iterable[DateWindow], sizer: WindowSizer) -> None:
        self._ranges = list(ranges)
        self._windows: deque[DateWindow] = deque()  # not resized
        self.sizer = sizer

    @property
    def is_empty(self) -> bool:
        """Whether no day is left to begin."""
        return not (self._windows or self._ranges)

    @property
    def left(self) -> list[DateWindow]:
        """The windows and ranges that have not begun yet."""
        return [*self._ranges, *self._windows]

    def add(self, windows: Iterable[DateWindow]) -> None:
        """Add windows to read without resizing them."""
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
