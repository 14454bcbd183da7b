"""Rounds of verification: windows that drifted are read again, until no more drift is found."""

from __future__ import annotations

from collections.abc import Iterable

from chatislav_source.streams.conversations.newest_days import NewestDays
from chatislav_source.streams.conversations.page_drift import PageDriftDetector
from chatislav_source.streams.date_window import DateWindow, merged

MAX_VERIFICATIONS = 3  # rounds in one sync


class Verification:
    """Decides after each round whether another is needed; keeps windows that never settle."""

    def __init__(self, unverified: Iterable[DateWindow]) -> None:
        self.drift = PageDriftDetector(unverified)
        self._rounds = 0
        self._again: list[DateWindow] = []

    @property
    def again(self) -> list[DateWindow]:
        """Windows given up in this sync; the next sync reads them again."""
        return merged(self._again)

    def end_round(self, newest: NewestDays) -> tuple[bool, list[DateWindow]]:
        """Whether another round is needed, and the windows that drifted in this one.

        If no other round follows, the caller must give these windows up.
        """
        drifted = self.drift.pop_drifted()
        if drifted:
            newest.found_drift()
        may_miss_rows = bool(self.drift.unverified) and newest.may_miss_rows
        is_needed = bool(drifted) or may_miss_rows
        if is_needed and self._rounds < MAX_VERIFICATIONS:
            self._rounds += 1
            return True, drifted
        return False, drifted

    def give_up(self, windows: Iterable[DateWindow]) -> None:
        """Leave these windows to the next sync."""
        self._again.extend(windows)


def warnings_of_drift(bot_id: int, windows: Iterable[DateWindow]) -> list[str]:
    """What is said of windows that are left to the next sync."""
    return [
        f"Bot {bot_id}: {window} kept changing while it was read; the next sync reads it again."
        for window in windows
    ]
