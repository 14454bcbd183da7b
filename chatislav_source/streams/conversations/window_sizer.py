"""How many conversations a day holds, so that a window is some pages long."""

from __future__ import annotations

from math import ceil

ROWS_PER_WINDOW = 1000  # rows; ten pages: windows stay parallel, and a restart stays cheap
FIRST_WINDOW_DAYS = 8  # days; few requests if an unknown bot is quiet, enough at once if not
MAX_WINDOW_DAYS = 32  # days; a month with its margins is one window for a quiet bot


class WindowSizer:
    """Learns from windows how many days the next one should have, `window_days`."""

    def __init__(self, rows_per_day: float | None, days: int, at_once: int) -> None:
        """`days` are to be read, `at_once` requests may be in flight."""
        first = first_window_days(days, at_once)
        self.window_days = first if rows_per_day is None else days_for(rows_per_day)
        self._most = rows_per_day or 0.0
        self._rows = 0
        self._days = 0

    @property
    def is_high(self) -> bool:
        """Whether some day is known to hold as much as a window should."""
        return days_for(self._most) == 1

    @property
    def rows_per_day(self) -> float | None:
        """Conversations a day on average; None if no window was read from its first page on."""
        return self._rows / self._days if self._days else None

    def observe_first_page(self, rows: int, days: int) -> None:
        """A window of `days` holds more than the `rows` of its first page."""
        self._most = max(self._most, rows / days)
        self.window_days = min(self.window_days, days_for(rows / days))

    def observe_window(self, rows: int, days: int) -> None:
        """A window of `days` is through; the next may be up to four times as long."""
        self._most = max(self._most, rows / days)
        self._rows += rows
        self._days += days
        self.window_days = min(days_for(rows / days), 4 * days)


def first_window_days(days: int, at_once: int) -> int:
    """Days of the first windows of an unknown bot that has `days` to read.

    Up to a month is begun as a whole, where that takes windows of at most twice the usual length.
    """
    usual = FIRST_WINDOW_DAYS
    if days > MAX_WINDOW_DAYS:
        return usual
    return max(usual, min(ceil(days / at_once), 2 * usual))


def days_for(rows_per_day: float) -> int:
    """Days whose conversations make up a window."""
    most = MAX_WINDOW_DAYS
    return max(1, min(most, int(ROWS_PER_WINDOW / rows_per_day))) if rows_per_day else most


def fits_one_window(rows_per_day: float | None, days: int) -> bool:
    """Whether so many days hold at most a window's conversations; no if it is not known."""
    return rows_per_day is not None and rows_per_day * days <= ROWS_PER_WINDOW
