"""Rounds of verification: when windows are read again, and how often the newest days are."""

from __future__ import annotations

from datetime import date

from chatislav_source.streams.conversations.newest_days import NewestDays
from chatislav_source.streams.conversations.observations import ChangedDuringSync
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.conversations.verification import Verification
from chatislav_source.streams.date_window import DateWindow

OLDER = DateWindow(date(2026, 6, 1), date(2026, 6, 3))
NEWEST = DateWindow(date(2026, 6, 29), None)


def read_in_pages(newest: NewestDays) -> None:
    """Read the newest days once, in two pages."""
    newest.begin(split=False)
    newest.pop()
    newest.close(OpenWindow(NEWEST, limit=4, of_newest=True, pages=2), others_open=False)


def test_after_drift_the_newest_days_must_be_read_twice_more_without_any() -> None:
    verification, newest = Verification([OLDER]), NewestDays(NEWEST)
    read_in_pages(newest)
    read_in_pages(newest)
    verification.drift.observe([ChangedDuringSync(1, frozenset({OLDER.first_day}))])

    is_needed, drifted = verification.end_round(newest)
    after_drift = newest.may_miss_rows
    read_in_pages(newest)
    after_one = newest.may_miss_rows
    read_in_pages(newest)

    assert (is_needed, drifted) == (True, [OLDER])
    assert (after_drift, after_one, newest.may_miss_rows) == (True, True, False)
