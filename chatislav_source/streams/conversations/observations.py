"""What the conversations of a page tell: which date the API filters on, and what has moved."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow.compute as pc

from chatislav_source.config import ZONE_MARGIN_DAYS
from chatislav_source.records.tolerant_rows import RecordBatch
from chatislav_source.streams.conversations.state import CLOCK_MARGIN_SECONDS
from chatislav_source.streams.date_window import DateWindow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000  # microseconds


@dataclass(frozen=True)
class ChangedDuringSync:
    """A conversation that changed while the sync ran: its hash, and days it was active on."""

    key: int
    days: frozenset[date]


@dataclass(frozen=True)
class PageObservations:
    """What the conversations of a page tell of how they are filtered and paged, in order.

    Times are microseconds; `days_sent` gives the days of the messages of one of them.
    """

    session_ids: Sequence[str]
    created: Sequence[int | None]
    active: Sequence[int | None]
    days_sent: Callable[[int], set[date]]


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return timegm(instant.utctimetuple()) * SECOND + instant.microsecond


def _start_of(day: date) -> int:
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def date_filter_shown(
    tells: PageObservations, window: DateWindow, started_at: datetime
) -> str | None:
    """Which date the API filters on, where a row proves it: one date in `window`, the other not.

    A day each side stays out of the proof, as the zone of the bounds is not documented; so do
    rows that were changed since `started_at`, which may have left the window meanwhile.
    """
    margin = timedelta(days=ZONE_MARGIN_DAYS)
    low = _start_of(window.first_day - margin)
    high = _start_of(window.last_day + 2 * margin) if window.last_day else None
    changed_from = microseconds(started_at) - CLOCK_MARGIN_SECONDS * SECOND
    shown = set()
    for created, active in zip(tells.created, tells.active, strict=True):
        if created is None or active is None or active >= changed_from:
            continue
        created_in = low <= created and (high is None or created < high)
        active_in = low <= active and (high is None or active < high)
        if created_in != active_in:
            shown.add("created" if created_in else "activity")
    return shown.pop() if len(shown) == 1 else None


def touched(
    tells: PageObservations, tail_from: date, started_at: datetime
) -> list[ChangedDuringSync]:
    """Conversations begun before the newest days that changed in this sync."""
    changed_from = microseconds(started_at) - CLOCK_MARGIN_SECONDS * SECOND
    tail_begins = _start_of(tail_from)
    found = []
    for number, (created, active) in enumerate(zip(tells.created, tells.active, strict=True)):
        if active is None or active < changed_from or (created or tail_begins - 1) >= tail_begins:
            continue
        began = set() if created is None else {(EPOCH + timedelta(microseconds=created)).date()}
        days = frozenset(began | tells.days_sent(number))
        found.append(ChangedDuringSync(hash(tells.session_ids[number]), days))
    return found


def days_sent(rows: RecordBatch, number: int) -> set[date]:
    """The days on which the messages of a conversation were sent; none where they do not tell."""
    own = rows.messages["created_at"].filter(pc.equal(rows.parents, number))
    return {sent_at.date() for sent_at in own.to_pylist() if sent_at is not None}
