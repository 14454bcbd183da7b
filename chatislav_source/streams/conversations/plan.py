"""What a run reads of one bot's conversations, planned from its options and the stored state."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from chatislav_source.config import ZONE_MARGIN_DAYS, SyncConfig
from chatislav_source.streams.conversations import state, window_sizer
from chatislav_source.streams.conversations.page import PageReader
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, merged, utc_instant
from chatislav_source.streams.state import State, warn_unused


def conversations_partition(
    stored: Any, bot_id: int, options: SyncConfig, trusted: bool = True
) -> ConversationsPartition:
    """The partition that brings one bot's conversations up to date, or continues to.

    Unless the state is `trusted`, what it says of the rows in the tables is ignored.
    """
    known, problem = state.restored(stored, bot_id, options.base_url, options.now)
    warn_unused(problem, bot_id)
    if options.is_backfill:
        slot = "backfill"
        if known[slot] is None or known[slot]["range"] != options.backfill_range:
            known = begun_backfill(known, options)
    else:
        slot = "progress"
        known = known if trusted else {**known, "digests": ""}
        known = begun_sync(known, options) if known[slot] is None else _extended(known, options)
    progress = known[slot]
    settled_before = state.day_of(progress["settled_before"])
    reader = PageReader(
        bot_id,
        options.api_zone,
        utc_instant(progress["started_at"]),
        DateWindow.parse(progress["tail"]).first_day,
        # what the last sync remembered is compared, however old it is
        date.min if settled_before and known["digests"] else settled_before,
    )
    return ConversationsPartition(known, slot, options.max_concurrency, reader)


def begun_sync(known: State, options: SyncConfig) -> State:
    """The state with a sync that starts now: all days not loaded yet, and the lookback."""
    first_day = first_day_of_sync(known, options)
    started = options.now.date()
    tail_from = max(first_day, started - timedelta(days=ZONE_MARGIN_DAYS))
    lookback = timedelta(days=state.lookback_days(known, options.lookback_days))
    settled_before = min(tail_from, started - lookback)
    ranges = [*_earlier(known, options), *state.parsed(known["again"])]
    if not ranges and first_day >= settled_before and _is_small(known, first_day, started):
        tail_from = first_day  # all of it is read again by the next sync, and in one request
    elif first_day < tail_from:
        ranges.append(DateWindow(first_day, tail_from - ONE_DAY))
    tail = DateWindow(tail_from, None)
    return {
        **known,
        "progress": state.begun(options.now, merged(ranges), tail, settled_before),
        "loaded_from": min(filter(None, (known["loaded_from"], _loaded_from(known, options)))),
        "error": None,
    }


def first_day_of_sync(known: State, options: SyncConfig) -> date:
    """The first day to read: the start date, or after a sync the first day of the lookback.

    What the last sync left to this one is read whatever the lookback is now.
    """
    if known["watermark"] is None:
        return options.start_date
    lookback = state.lookback_days(known, options.lookback_days)
    first_day = utc_instant(known["watermark"]).subtract(days=lookback).date()
    left = state.day_of(known["reread_from"])
    loaded_from = date.fromisoformat(known["loaded_from"])
    return max(loaded_from, min(first_day, left) if left else first_day)


def _loaded_from(known: State, options: SyncConfig) -> str | None:
    is_asked = known["loaded_from"] is None or options.start_date_given
    return options.start_date.isoformat() if is_asked else None


def _earlier(known: State, options: SyncConfig) -> list[DateWindow]:
    """Days before those ever loaded, where a start date asks for them."""
    if known["watermark"] is None or not options.start_date_given:
        return []
    loaded_from = date.fromisoformat(known["loaded_from"])
    if options.start_date >= loaded_from:
        return []
    return [DateWindow(options.start_date, loaded_from - ONE_DAY)]


def _extended(known: State, options: SyncConfig) -> State:
    """A sync under way, with the days before it where the start date was moved back since."""
    loaded_from = date.fromisoformat(known["loaded_from"])
    if not options.start_date_given or options.start_date >= loaded_from:
        return known
    progress = known["progress"]
    earlier = DateWindow(options.start_date, loaded_from - ONE_DAY)
    todo = merged([*state.parsed(progress["todo"]), earlier])
    return {
        **known,
        "loaded_from": options.start_date.isoformat(),
        "progress": {**progress, "todo": [str(window) for window in todo]},
    }


def _is_small(known: State, first_day: date, last_day: date) -> bool:
    days = (last_day - first_day).days + 1
    return window_sizer.fits_one_window(known["rows_per_day"], days)


def begun_backfill(known: State, options: SyncConfig) -> State:
    """The state with a backfill that starts now; nothing else in it changes."""
    today = options.now.date()
    last_day = min(options.end_date or today, today + timedelta(days=ZONE_MARGIN_DAYS))
    # read only where days are seen to move: what left them is among the newest
    tail = DateWindow(max(today - ONE_DAY, options.start_date), None)
    todo = [DateWindow(options.start_date, last_day)]
    progress = state.begun(options.now, todo, tail)
    return {**known, "backfill": {**progress, "range": options.backfill_range}}
