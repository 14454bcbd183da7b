"""The number of days in a window, so that it has about `ROWS_PER_WINDOW` conversations."""

from __future__ import annotations

from math import ceil

ROWS_PER_WINDOW = 1000  # ten pages: several windows run in parallel, and a restart is cheap
FIRST_WINDOW_DAYS = 8  # for a bot without earlier syncs
MAX_WINDOW_DAYS = 32  # a month and a day: one window for a bot with few rows


class WindowSizer:
    """Estimates from earlier windows how many days the next one should have, `window_days`."""

    def __init__(self, rows_per_day: float | None, days: int, at_once: int) -> None:
        """`days` to read in all; `at_once` requests may be in flight."""
        first = first_window_days(days, at_once)
        self.window_days = first if rows_per_day is None else days_for(rows_per_day)
        self._most = rows_per_day or 0.0
        self._rows = 0
        self._days = 0

    @property
    def is_high(self) -> bool:
        """Whether some day has at least as many conversations as a window should."""
        return days_for(self._most) == 1

    @property
    def rows_per_day(self) -> float | None:
        """Average conversations per day; None if no window was read from its first page on."""
        return self._rows / self._days if self._days else None

    def observe_first_page(self, rows: int, days: int) -> None:
        """Note that a window of `days` has more than the `rows` of its first page."""
        self._most = max(self._most, rows / days)
        self.window_days = min(self.window_days, days_for(rows / days))

    def observe_window(self, rows: int, days: int) -> None:
        """Note that a complete window of `days` had `rows`; the next has at most `4 * days`."""
        self._most = max(self._most, rows / days)
        self._rows += rows
        self._days += days
        self.window_days = min(days_for(rows / days), 4 * days)


def first_window_days(days: int, at_once: int) -> int:
    """Days per window for a bot without earlier syncs that has `days` to read.

    A range of up to `MAX_WINDOW_DAYS` is read in `at_once` parallel windows, if these have at most
    twice the usual length.
    """
    usual = FIRST_WINDOW_DAYS
    if days > MAX_WINDOW_DAYS:
        return usual
    return max(usual, min(ceil(days / at_once), 2 * usual))


def days_for(rows_per_day: float) -> int:
    """Days that have `ROWS_PER_WINDOW` conversations, between 1 and `MAX_WINDOW_DAYS`."""
    most = MAX_WINDOW_DAYS
    return max(1, min(most, int(ROWS_PER_WINDOW / rows_per_day))) if rows_per_day else most


def fits_one_window(rows_per_day: float | None, days: int) -> bool:
    """Whether `days` have at most `ROWS_PER_WINDOW` conversations; False if it is not known."""
    return rows_per_day is not None and rows_per_day * days <= ROWS_PER_WINDOW
