"""What is remembered between runs, as plain dicts: pure functions, a dict in, a new dict out.

Per bot, for conversations:

    watermark      the sync that started then is loaded in full; null before the first
    loaded_from    first day that was ever asked for
    last_activity  the highest seen
    date_filter    what from/to were seen to filter on: "unknown", "activity" or "created"
    rows_per_day   how dense the conversations are; only sizes windows
    again          windows that moved while they were read, to be read again by the next sync
    digests        what is loaded of the lookback, so that unchanged rows are not written again
    progress       of a sync under way, null when there is none (see `begun`)
    backfill       the same of a backfill under way, with its range
    error          the last run's error, null if it ended well
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from chatislav_source import settings
from chatislav_source.windows import DateWindow, utc_instant, utc_text

State = dict[str, Any]

VERSION = 1
DIGEST_BYTES = 8
FILTERS = ("unknown", "activity", "created")


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
        "again": [],
        "digests": "",
        "progress": None,
        "backfill": None,
        "error": None,
    }


def restored(stored: Any, bot_id: int, api: str, now: datetime) -> tuple[State, str | None]:
    """`stored` if it can be trusted, else a fresh state and why it could not.

    Reading everything again is slow but right; a wrong watermark would lose rows in silence.
    """
    if stored is None:
        return fresh(bot_id, api), None
    try:
        problem = _problem(stored, bot_id, api, now)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"it is damaged ({type(error).__name__})"
    if problem:
        return fresh(bot_id, api), problem
    return dict(stored), None


def _problem(stored: State, bot_id: int, api: str, now: datetime) -> str | None:
    if stored["version"] != VERSION:
        return f"it is of version {stored['version']!r}, this is version {VERSION}"
    if stored["bot_id"] != bot_id:
        return f"it is of bot {stored['bot_id']!r}"
    if stored["api"] != api:
        return f"it is of another API, {stored['api']!r}"
    if set(stored) != set(fresh(bot_id, api)) or stored["date_filter"] not in FILTERS:
        return "it is damaged"
    soon = now + timedelta(seconds=settings.CLOCK_MARGIN_SECONDS)
    if stored["watermark"] is not None:
        if utc_instant(stored["watermark"]) > soon:
            return "its watermark is in the future"
        DateWindow.parse(f"{stored['loaded_from']}/..")
    if stored["rows_per_day"] is not None and not float(stored["rows_per_day"]) >= 0:
        return "it is damaged"
    decoded_digests(stored["digests"])
    parsed(stored["again"])
    for progress in filter(None, (stored["progress"], stored["backfill"])):
        if utc_instant(progress["started_at"]) > soon:
            return "its sync started in the future"
        _check_progress(progress)
    return None


def _check_progress(progress: State) -> None:
    decoded_digests(progress["digests"])
    parsed(progress["todo"])
    parsed(progress["unverified"])
    for entry in progress["open"]:
        DateWindow.parse(entry["window"])
        if not (isinstance(entry["page_token"], str) and int(entry["limit"]) > 0):
            raise ValueError("an open window needs its page token")
    if progress["tail"] is not None:
        DateWindow.parse(progress["tail"])


def begun(started_at: datetime, todo: Iterable[DateWindow], tail: DateWindow | None) -> State:
    """The progress of a sync that starts now.

    `todo` are the windows not yet begun, `open` those under way with their page token, `unverified`
    those read page by page that a conversation may have left meanwhile, `tail` the newest days,
    which are read last, because what moved is found there.
    """
    return {
        "started_at": utc_text(started_at),
        "todo": [str(window) for window in todo],
        "open": [],
        "unverified": [],
        "tail": str(tail) if tail else None,
        "digests": "",
    }


def finished(state: State, rows_per_day: float | None, again: Iterable[DateWindow]) -> State:
    """The state after every window of a sync was read; its watermark is the sync's start."""
    progress = state["progress"]
    started_at = utc_instant(progress["started_at"])
    margin = timedelta(seconds=settings.CLOCK_MARGIN_SECONDS)
    return {
        **state,
        "watermark": utc_text(started_at - margin),
        "digests": progress["digests"],
        "rows_per_day": rows_per_day if rows_per_day is not None else state["rows_per_day"],
        "again": [str(window) for window in again],
        "progress": None,
        "error": None,
    }


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
        return settings.LOOKBACK_DAYS_BY_ACTIVITY
    return settings.LOOKBACK_DAYS


def parsed(windows: Iterable[str]) -> list[DateWindow]:
    """Windows as they are kept in a state.

    Raises:
        ValueError: one of them is not a window.
    """
    return [DateWindow.parse(text) for text in windows]


def encoded_digests(digests: Iterable[bytes]) -> str:
    """Digests as text; the newest of them if there are more than a state may hold."""
    kept = list(digests)[-settings.MAX_DIGESTS :]
    return base64.b64encode(b"".join(kept)).decode()


def decoded_digests(text: str) -> frozenset[bytes]:
    """The digests that `encoded_digests` wrote.

    Raises:
        ValueError: the text is damaged.
    """
    joined = base64.b64decode(text, validate=True)
    if len(joined) % DIGEST_BYTES:
        raise ValueError("the digests are cut")
    return frozenset(joined[n : n + DIGEST_BYTES] for n in range(0, len(joined), DIGEST_BYTES))
