"""The newest days of a partition, which are read last, as changed conversations move there.

If they have many rows, they are read as two windows in parallel, as no other window is left then.
"""

from __future__ import annotations

from collections.abc import Iterable

from chatislav_source.errors import ChatislavError
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.date_window import DateWindow


class NewestDays:
    """Passes over the newest days: windows left in the current one, outcome of the last one."""

    def __init__(self, window: DateWindow) -> None:
        self.window = window
        self.failed: dict[DateWindow, ChatislavError] = {}
        self._left: list[DateWindow] = []  # windows of the current pass not begun yet
        self._passes_without_drift = 0  # in a row
        self._was_one_page = False

    @property
    def is_left(self) -> bool:
        """Whether a window of the current pass has not begun yet."""
        return bool(self._left)

    def begin(self, split: bool) -> None:
        """Begin a pass over all newest days; in two windows if `split`."""
        self.failed = {}
        self._left = self.window.split_first_day() if split else [self.window]

    def pop(self) -> DateWindow | None:
        """The next window of the current pass; None if all have begun."""
        return self._left.pop() if self._left else None

    def add(self, windows: Iterable[DateWindow]) -> None:
        """Add windows to the current pass."""
        self._left.extend(windows)

    def close(self, opened: OpenWindow, others_open: bool) -> None:
        """Note that `opened` is complete; the pass is, too, if no other window of it is left."""
        if others_open or self._left or self.failed:
            return  # the pass is not complete
        self._was_one_page = opened.window == self.window and opened.is_one_page
        self._passes_without_drift += 1

    def found_drift(self) -> None:
        """Note that the last pass found page drift."""
        self._passes_without_drift = 0

    @property
    def may_miss_rows(self) -> bool:
        """Whether a conversation may be missing, because it changed again during the pass."""
        return not self._was_one_page and self._passes_without_drift < 2
