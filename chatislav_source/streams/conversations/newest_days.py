"""The newest days of a partition, which are read last: whatever moved meanwhile is found there.

Where they hold much they are read in two windows at once, as nothing but their pages is left then.
"""

from __future__ import annotations

from collections.abc import Iterable

from chatislav_source.errors import ChatislavError
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.date_window import DateWindow


class NewestDays:
    """Readings of the newest days: what is left of one under way, and how the last one ended."""

    def __init__(self, window: DateWindow) -> None:
        self.window = window
        self.failed: dict[DateWindow, ChatislavError] = {}
        self._left: list[DateWindow] = []  # of the reading under way, not begun yet
        self._quiet_readings = 0  # in a row that showed no drift
        self._was_one_page = False

    @property
    def is_left(self) -> bool:
        """Whether a window of the reading under way is still to begin."""
        return bool(self._left)

    def begin(self, split: bool) -> None:
        """Begin a reading of all newest days; `split` where they hold much."""
        self.failed = {}
        self._left = self.window.first_day_apart() if split else [self.window]

    def pop(self) -> DateWindow | None:
        """The next window of the reading under way; None if all are begun."""
        return self._left.pop() if self._left else None

    def add(self, windows: Iterable[DateWindow]) -> None:
        """Have these windows read as part of the reading under way."""
        self._left.extend(windows)

    def close(self, read: OpenWindow, others_open: bool) -> None:
        """Note that `read` is through; the reading is, where no other window of it is left."""
        if others_open or self._left or self.failed:
            return  # it is not read as a whole
        self._was_one_page = read.window == self.window and read.is_one_page
        self._quiet_readings += 1

    def found_drift(self) -> None:
        """The last reading showed that conversations have moved."""
        self._quiet_readings = 0

    @property
    def may_mislead(self) -> bool:
        """Whether a conversation may have been missed, as it changed once more while reading."""
        return not self._was_one_page and self._quiet_readings < 2
