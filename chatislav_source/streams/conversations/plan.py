"""Plans which conversations of one bot a run reads, from the config and the stored state.

With `retention_days`, conversations that were last active before the day `kept_from` of the config
are not wanted, and the days that can have no other ones are not read. The API may filter on the day
of creation: then a conversation that began earlier is wanted if it was active later, so that a
lookback before `kept_from` is read, too. What is read of it and not wanted is left out when rows
are made.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from chatislav_source.config import ZONE_MARGIN_DAYS, SyncConfig
from chatislav_source.records.private.policy import policy_of
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.streams.conversations import state, window_sizer
from chatislav_source.streams.conversations.page import PageReader
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.date_window import (
    ONE_DAY,
    DateWindow,
    merged,
    utc_instant,
    windows_since,
)
from chatislav_source.streams.state import State, warn_unused

Keeps = Callable[[State], bool]
"""Whether the tables hold all rows that a state says are loaded."""

LOST_ROWS = "rows that it says are loaded are not in the tables any more"


def conversations_partition(
    stored: Any,
    bot_id: int,
    config: SyncConfig,
    keeps: Keeps,
    rejected: frozenset[str] = frozenset(),
) -> ConversationsPartition:
    """The partition of one bot's conversations: a sync or a backfill, new or continued.

    `rejected` are the versions of rejected records that the table holds.
    """
    known, problem = state.restored(stored, bot_id, config.base_url, config.now)
    if (known["progress"] or known["watermark"]) and not keeps(known):
        problem = LOST_ROWS
        known = state.without_progress(known)
    warn_unused(problem, bot_id)
    if config.is_backfill:
        slot = "backfill"
        if known[slot] is None or known[slot]["range"] != config.backfill_range:
            known = begun_backfill(known, config)
    else:
        slot = "progress"
        known = begun_sync(known, config) if known[slot] is None else _extended(known, config)
    if config.kept_from is not None:
        known = {**known, slot: state.since(known[slot], read_from(known, config))}
    progress = known[slot]
    reader = PageReader(
        bot_id,
        config.api_zone,
        utc_instant(progress["started_at"]),
        DateWindow.parse(progress["tail"]).first_day,
        rejected,
        policy_of(config.privacy).sealing(REJECTED),
        config.guardrail_flags,
    )
    return ConversationsPartition(known, slot, config.max_concurrency, reader)


def begun_sync(known: State, config: SyncConfig) -> State:
    """The state with a sync that starts now: all days not loaded yet, and the lookback."""
    first_day = first_day_of_sync(known, config)
    started, kept_from = config.now.date(), config.kept_from
    newest_from = max(first_day, started - timedelta(days=ZONE_MARGIN_DAYS))
    lookback = timedelta(days=state.lookback_days(known, config.lookback_days))
    settled_before = min(newest_from, started - lookback)
    ranges = [*_earlier(known, config), *_kept_again(known, config), *state.parsed(known["again"])]
    ranges = windows_since(ranges, read_from(known, config))
    if not ranges and first_day >= settled_before and _is_small(known, first_day, started):
        newest_from = first_day  # one request reads all of it, and the next sync reads it again
    elif first_day < newest_from:
        ranges.append(DateWindow(first_day, newest_from - ONE_DAY))
    newest = DateWindow(newest_from, None)
    return {
        **known,
        "progress": state.begun(config.now, merged(ranges), newest, settled_before),
        "loaded_from": min(filter(None, (known["loaded_from"], _loaded_from(known, config)))),
        "kept_from": str(kept_from) if kept_from else None,
        "error": None,
    }


def read_from(known: State, config: SyncConfig) -> date:
    """The first day that may have a conversation that `retention_days` keeps."""
    if config.kept_from is None:
        return date.min
    lookback = state.lookback_days(known, config.lookback_days)
    return config.kept_from - timedelta(days=max(lookback, ZONE_MARGIN_DAYS))


def first_day_of_sync(known: State, config: SyncConfig) -> date:
    """The first day to read: the start date, or after a sync the first day of the lookback.

    Days that the last sync left unsettled are included, even if the lookback got shorter; days
    that have nothing to keep are not.
    """
    return max(_wanted_from(known, config), read_from(known, config))


def _wanted_from(known: State, config: SyncConfig) -> date:
    if known["watermark"] is None:
        loaded_from = state.day_of(known["loaded_from"]) or config.start_date
        return min(config.start_date, loaded_from) if config.start_date_given else loaded_from
    lookback = state.lookback_days(known, config.lookback_days)
    first_day = utc_instant(known["watermark"]).subtract(days=lookback).date()
    left = state.day_of(known["reread_from"])
    loaded_from = date.fromisoformat(known["loaded_from"])
    return max(loaded_from, min(first_day, left) if left else first_day)


def _loaded_from(known: State, config: SyncConfig) -> str | None:
    is_set = known["loaded_from"] is None or config.start_date_given
    return config.start_date.isoformat() if is_set else None


def _earlier(known: State, config: SyncConfig) -> list[DateWindow]:
    """Days from a given start date to the first loaded day; empty without an earlier date."""
    if known["watermark"] is None or not config.start_date_given:
        return []
    loaded_from = date.fromisoformat(known["loaded_from"])
    if config.start_date >= loaded_from:
        return []
    return [DateWindow(config.start_date, loaded_from - ONE_DAY)]


def _kept_again(known: State, config: SyncConfig) -> list[DateWindow]:
    """Days whose conversations were deleted or left out, if `retention_days` keeps more now."""
    left_out = state.day_of(known["kept_from"])
    if known["watermark"] is None or left_out is None or left_out <= (config.kept_from or date.min):
        return []
    first_day = max(date.fromisoformat(known["loaded_from"]), read_from(known, config))
    # the day itself, too, as the API's days may be of another zone
    return [DateWindow(first_day, left_out)] if first_day <= left_out else []


def _extended(known: State, config: SyncConfig) -> State:
    """A sync under way, extended to a start date that was moved back since it began."""
    if config.kept_from is not None:
        left_out = max(filter(None, (state.day_of(known["kept_from"]), config.kept_from)))
        known = {**known, "kept_from": str(left_out)}
    loaded_from = date.fromisoformat(known["loaded_from"])
    if not config.start_date_given or config.start_date >= loaded_from:
        return known
    progress = known["progress"]
    earlier = DateWindow(config.start_date, loaded_from - ONE_DAY)
    todo = merged([*state.parsed(progress["todo"]), earlier])
    return {
        **known,
        "loaded_from": config.start_date.isoformat(),
        "progress": {**progress, "todo": [str(window) for window in todo]},
    }


def _is_small(known: State, first_day: date, last_day: date) -> bool:
    days = (last_day - first_day).days + 1
    return window_sizer.fits_one_window(known["rows_per_day"], days)


def begun_backfill(known: State, config: SyncConfig) -> State:
    """The state with a backfill that starts now; nothing else in it changes."""
    today = config.now.date()
    last_day = min(config.end_date or today, today + timedelta(days=ZONE_MARGIN_DAYS))
    # read only if a window may have drifted: what left it is among the newest days
    newest = DateWindow(max(today - ONE_DAY, config.start_date), None)
    todo = windows_since([DateWindow(config.start_date, last_day)], read_from(known, config))
    progress = state.begun(config.now, todo, newest)
    return {**known, "backfill": {**progress, "range": config.backfill_range}}
