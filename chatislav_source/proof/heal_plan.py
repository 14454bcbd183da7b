"""Plans which days to read again, within a budget of requests. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from chatislav_source.proof.reconciliation import (
    DIFFERS,
    MAX_HEAL_ATTEMPTS,
    NOT_LOADED,
    Comparison,
)
from chatislav_source.streams.date_window import DateWindow, days_of, merged

REQUESTS_PER_RUN = 20  # of one bot
PAGE_SIZE = 100  # conversations
DAYS_PER_REQUEST = 8  # at least; each window ends with a page that may be nearly empty
FIRST_REQUESTS = 2  # of each load, before its first page
RADIUS_DAYS = (1, 7, 30)
"""Days around a day that are read with it, by attempt: the API may filter on another date than the
one it counts by, so a row of the day may be listed days earlier or later."""


RowsIn = Callable[[DateWindow], int]
"""Counts the conversations of a window."""


@dataclass(frozen=True)
class Repair:
    """The conversations of `window` are read again, then the totals of `days`."""

    window: DateWindow
    days: tuple[date, ...]


def days_to_heal(rows: Sequence[Comparison]) -> dict[date, int]:
    """The days of one bot to read again, with the attempts so far: fewest first, then newest."""
    attempts: dict[date, int] = {}
    for row in rows:
        is_of_day = row.session_id is None
        if is_of_day and (row.status in DIFFERS or row.definition == NOT_LOADED):
            attempts[row.date] = max(attempts.get(row.date, 0), row.heal_attempts)
    left = [(tries, day) for day, tries in attempts.items() if tries < MAX_HEAL_ATTEMPTS]
    return {
        day: tries for tries, day in sorted(left, key=lambda each: (each[0], -each[1].toordinal()))
    }


@dataclass(frozen=True)
class Costs:
    """What the requests of one bot depend on: channels of analytics, conversations of a window.

    `with_flags`: each window also has a listing of its flagged conversations.
    """

    channels: int
    rows_in: RowsIn
    with_flags: bool = False

    def of(self, repair: Repair) -> int:
        """About how many requests a repair takes, without retries."""
        window = repair.window
        windows = ceil(window.days / DAYS_PER_REQUEST)
        pages = ceil(self.rows_in(window) / PAGE_SIZE) + windows * (2 if self.with_flags else 1)
        return pages + len(repair.days) * self.channels + FIRST_REQUESTS


def next_repair(
    days: Mapping[date, int], last_day: date, budget: int, costs: Costs
) -> Repair | None:
    """The next repair that the budget allows; None if there is none.

    Of the first day, as wide as its attempts say and the budget allows, together with the days
    beside it. `last_day` is the last that may be read.
    """
    for day, tries in days.items():
        for radius in [*reversed(RADIUS_DAYS[: tries + 1]), 0]:
            for together in (_beside(day, days), [day]):
                first_day = together[0] - timedelta(days=radius)
                end = max(together[-1], min(together[-1] + timedelta(days=radius), last_day))
                repair = Repair(DateWindow(first_day, end), tuple(together))
                if costs.of(repair) <= budget:
                    return repair
    return None


def _beside(day: date, days: Iterable[date]) -> list[date]:
    """The longest run of consecutive days that has `day`, oldest first."""
    windows = merged(DateWindow(each, each) for each in days)
    run = next(window for window in windows if window.contains(day))
    return list(days_of(run.first_day, run.last_day or day))
