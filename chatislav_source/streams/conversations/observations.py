"""Facts derived from a page: which date the API filters on, and which rows changed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from chatislav_source.config import ZONE_MARGIN_DAYS
from chatislav_source.records.columns import microseconds
from chatislav_source.records.convert import Records
from chatislav_source.streams.conversations.state import CLOCK_MARGIN_SECONDS
from chatislav_source.streams.date_window import DateWindow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_MARGIN = CLOCK_MARGIN_SECONDS * 1_000_000  # microseconds


@dataclass(frozen=True)
class ChangedDuringSync:
    """A conversation that changed while the sync ran: a hash of its id, and its active days."""

    key: int
    days: frozenset[date]


@dataclass(frozen=True)
class PageObservations:
    """Facts derived from a page.

    `last_activity` is the latest on the page in UTC, None if there is none; `date_filter` is
    "created" or "activity", the date the API filters on, None if the page does not prove it;
    `changed` lists conversations created before the newest days that changed during this sync.
    """

    last_activity: datetime | None
    date_filter: str | None
    changed: list[ChangedDuringSync]


NOTHING_SEEN = PageObservations(None, None, [])


def observe(
    records: Records, window: DateWindow, started_at: datetime, newest_from: date
) -> PageObservations:
    """The observations of a page of `window`, in a sync that began at `started_at`.

    Changed conversations are only looked for in windows that begin on `newest_from` or later.
    """
    active = [moment for moment in records.active if moment is not None]
    is_of_newest = window.first_day >= newest_from
    return PageObservations(
        last_activity=EPOCH + timedelta(microseconds=max(active)) if active else None,
        date_filter=date_filter_shown(records, window, started_at),
        changed=changed_during_sync(records, newest_from, started_at) if is_of_newest else [],
    )


def date_filter_shown(records: Records, window: DateWindow, started_at: datetime) -> str | None:
    """The date the API filters on, if rows prove it: one of their dates is in `window`, one not.

    The days next to the bounds prove nothing, as the time zone of the bounds is not documented;
    nor do rows changed since `started_at`, which may have left the window meanwhile.
    """
    margin = timedelta(days=ZONE_MARGIN_DAYS)
    low = _start_of(window.first_day - margin)
    high = _start_of(window.last_day + 2 * margin) if window.last_day else None
    changed_from = microseconds(started_at) - CLOCK_MARGIN
    shown = set()
    for created, active in zip(records.created, records.active, strict=True):
        if created is None or active is None or active >= changed_from:
            continue
        created_in = low <= created and (high is None or created < high)
        active_in = low <= active and (high is None or active < high)
        if created_in != active_in:
            shown.add("created" if created_in else "activity")
    return shown.pop() if len(shown) == 1 else None


def changed_during_sync(
    records: Records, newest_from: date, started_at: datetime
) -> list[ChangedDuringSync]:
    """Conversations created before `newest_from` that changed during this sync."""
    changed_from = microseconds(started_at) - CLOCK_MARGIN
    newest_begin = _start_of(newest_from)
    found = []
    for number, (created, active) in enumerate(zip(records.created, records.active, strict=True)):
        if active is None or active < changed_from or (created or newest_begin - 1) >= newest_begin:
            continue
        began = set() if created is None else {(EPOCH + timedelta(microseconds=created)).date()}
        days = frozenset(began | records.days_of_messages(number))
        found.append(ChangedDuringSync(hash(records.session_ids[number]), days))
    return found


def _start_of(day: date) -> int:
    """Start of a day in UTC, in microseconds since 1970."""
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
