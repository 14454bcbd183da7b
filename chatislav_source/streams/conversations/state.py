"""What is remembered between runs, as plain dicts: pure functions, a dict in, a new dict out.

Per bot, for conversations:

    watermark      the sync that started then is loaded in full; null before the first
    loaded_from    first day that was ever asked for
    last_activity  the highest seen
    date_filter    what from/to were seen to filter on: "unknown", "activity" or "created"
    rows_per_day   how dense the conversations are; only sizes windows
    reread_from    first day that the next sync reads again, whatever its lookback is by then
    again          windows that moved while they were read, to be read again by the next sync
    digests        what is loaded of the lookback, so that unchanged rows are not written again
    progress       of a sync under way, null when there is none (see `begun`)
    backfill       the same of a backfill under way, with its range
    error          the last sync's error, null if it ended well

In the store each state has a seal over all of it, so that one changed by hand is recognised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from chatislav_source.streams.date_window import DateWindow, merged, utc_instant, utc_text
from chatislav_source.streams.state import State

LOOKBACK_DAYS_BY_ACTIVITY = 2  # days; enough once from/to are proven to filter on activity
LOOKBACK_DAYS = 30  # days; a conversation may be changed this long after it was created
CLOCK_MARGIN_SECONDS = 900  # seconds; how far our clock and the API's may be apart

VERSION = 1
SEAL = "seal"


def fresh(bot_id: int, api: str) -> State:
    """The state of a bot that was never synced."""
    return {
        "version": VERSION,
        "bot_id": bot_id,
        "api": api,
        "watermark": None,
        "loaded_from": None,
        "last_activity": None,
        "date_filter": "unknown",
        "rows_per_day": None,
        "reread_from": None,
        "again": [],
        "digests": "",
        "progress": None,
        "backfill": None,
        "error": None,
    }


def sealed(state: State) -> State:
    """The state as it is stored, with its seal."""
    return {**state, SEAL: _seal(state)}


def opened(stored: Any) -> tuple[State | None, str | None]:
    """The state without its seal, or none and why it cannot be used."""
    if stored is None:
        return None, None
    if not isinstance(stored, dict):
        return None, "it is damaged"
    state = {name: value for name, value in stored.items() if name != SEAL}
    if stored.get(SEAL) != _seal(state):
        return None, "it was changed by hand, damaged or written by an older version"
    return state, None


def _seal(state: State) -> str:
    text = json.dumps(state, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def restored(
    stored: State | None, bot_id: int, api: str, now: datetime
) -> tuple[State, str | None]:
    """`stored` if it can be trusted, else a fresh state and why it could not.

    Reading everything again is slow but right; a wrong watermark would lose rows in silence.
    """
    if stored is None:
        return fresh(bot_id, api), None
    try:
        problem = _problem(stored, bot_id, api, now)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"it is damaged ({type(error).__name__})"
    return (fresh(bot_id, api), problem) if problem else (dict(stored), None)


def _problem(stored: State, bot_id: int, api: str, now: datetime) -> str | None:
    if stored["version"] != VERSION:
        return f"it is of version {stored['version']!r}, this is version {VERSION}"
    if stored["bot_id"] != bot_id:
        return f"it is of bot {stored['bot_id']!r}"
    if stored["api"] != api:
        return f"it is of another API, {stored['api']!r}"
    if set(stored) != set(fresh(bot_id, api)):
        return "it is damaged"
    soon = now + timedelta(seconds=CLOCK_MARGIN_SECONDS)
    if stored["watermark"] is not None and utc_instant(stored["watermark"]) > soon:
        return "its watermark is in the future"
    for progress in filter(None, (stored["progress"], stored["backfill"])):
        if utc_instant(progress["started_at"]) > soon:
            return "its sync started in the future"
    return None


def begun(
    started_at: datetime,
    todo: Iterable[DateWindow],
    tail: DateWindow,
    settled_before: date | None = None,
) -> State:
    """The progress of a sync that starts now.

    `todo` are the windows not yet begun, `open` those under way with their page token, `unverified`
    those read page by page that a conversation may have left meanwhile, `tail` the newest days,
    which are read last, because what moved is found there. Windows that end before
    `settled_before` are not read again by the next sync; null if none is.
    """
    return {
        "started_at": utc_text(started_at),
        "todo": [str(window) for window in todo],
        "open": [],
        "unverified": [],
        "tail": str(tail),
        "settled_before": str(settled_before) if settled_before else None,
    }


def finished(state: State, rows_per_day: float | None, again: Iterable[DateWindow]) -> State:
    """The state after every window of a sync was read; its watermark is the sync's start."""
    progress = state["progress"]
    started_at = utc_instant(progress["started_at"])
    margin = timedelta(seconds=CLOCK_MARGIN_SECONDS)
    return {
        **state,
        "watermark": utc_text(started_at - margin),
        "reread_from": progress["settled_before"],
        "rows_per_day": rows_per_day if rows_per_day is not None else state["rows_per_day"],
        "again": [str(window) for window in again],
        "progress": None,
        "error": None,
    }


def backfilled(state: State, again: Iterable[DateWindow]) -> State:
    """The state after a backfill: as it was, but for windows that moved through all of it."""
    later = merged([*parsed(state["again"]), *again])
    return {**state, "backfill": None, "again": [str(window) for window in later]}


def with_activity(state: State, last_activity: datetime | None) -> State:
    """The state with the highest last activity seen."""
    if last_activity is None:
        return state
    seen = state["last_activity"]
    if seen is not None and utc_instant(seen) >= last_activity:
        return state
    return {**state, "last_activity": utc_text(last_activity)}


def with_verdict(state: State, evidence: str | None) -> State:
    """The state with what a page showed of the date filter; contradictions make it unknown."""
    known = state["date_filter"]
    if evidence is None or evidence == known:
        return state
    return {**state, "date_filter": evidence if known == "unknown" else "unknown"}


def lookback_days(state: State, asked: int | None) -> int:
    """Days before the last sync that are read again: what was asked, else what is safe."""
    if asked is not None:
        return asked
    if state["date_filter"] == "activity":
        return LOOKBACK_DAYS_BY_ACTIVITY
    return LOOKBACK_DAYS


def parsed(windows: Iterable[str]) -> list[DateWindow]:
    """Windows as they are kept in a state.

    Raises:
        ValueError: one of them is not a window.
    """
    return [DateWindow.parse(text) for text in windows]


def day_of(text: str | None) -> date | None:
    """A day as it is kept in a state; None for none."""
    return date.fromisoformat(text) if text else None
