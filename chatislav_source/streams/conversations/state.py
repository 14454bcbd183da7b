"""What is kept of one bot's conversations between runs, as pure functions of plain dicts."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import date, datetime
from functools import partial
from typing import Any

import pendulum

from chatislav_source.config import (
    LOOKBACK_DAYS,
    LOOKBACK_DAYS_BY_ACTIVITY,
    ZONE_MARGIN_DAYS,
)
from chatislav_source.streams.date_window import DateWindow, merged, utc_instant, utc_text
from chatislav_source.streams.state import (
    Field,
    State,
    StateFormat,
    list_of,
    of_type,
    one_of,
    optional,
    record,
    without_seal,
)

CLOCK_MARGIN_SECONDS = 900  # seconds; how far our clock and the API's may be apart

DAY = date.fromisoformat
WINDOWS = list_of(DateWindow.parse)
OPEN_WINDOW = record(window=DateWindow.parse, page_token=of_type(str), limit=of_type(int))
PROGRESS = {
    "started_at": utc_instant,
    "todo": WINDOWS,
    "open": list_of(OPEN_WINDOW),
    "unverified": WINDOWS,
    "tail": DateWindow.parse,
    "settled_before": optional(DAY),
}

FORMAT = StateFormat(
    fields={
        "watermark": Field(
            None, optional(utc_instant), "Every change before it is loaded; null before a sync."
        ),
        "loaded_from": Field(None, optional(DAY), "The first day that was ever asked for."),
        "last_activity": Field(None, optional(utc_instant), "The highest one seen."),
        "date_filter": Field(
            "unknown",
            one_of("unknown", "activity", "created"),
            "The date that from/to were seen to filter on.",
        ),
        "rows_per_day": Field(
            None, optional(of_type(int, float)), "Conversations a day; only sizes windows."
        ),
        "reread_from": Field(
            None,
            optional(DAY),
            "The first day that the next sync reads again, whatever its lookback is by then.",
        ),
        "again": Field(
            [], WINDOWS, "Windows that moved while they were read; the next sync reads them again."
        ),
        "digests": Field(
            "",
            partial(base64.b64decode, validate=True),
            "What the tables hold of the lookback, so that unchanged rows are not written again.",
        ),
        "progress": Field(
            None, optional(record(**PROGRESS)), "The sync under way, see `begun`; null if none."
        ),
        "backfill": Field(
            None,
            optional(record(**PROGRESS, range=DateWindow.parse)),
            "The same of a backfill under way, with its range.",
        ),
        "error": Field(
            None, optional(of_type(str)), "The last sync's error; null if it ended well."
        ),
    },
    migrations=(without_seal,),
)


def fresh(bot_id: int, api: str) -> State:
    """The state of a bot that was never synced."""
    return FORMAT.fresh(bot_id, api)


def restored(stored: Any, bot_id: int, api: str, now: datetime) -> tuple[State, str | None]:
    """`stored` in today's version; or a fresh state, and why the stored one cannot be used.

    To read everything again is slow but correct; a wrong watermark would lose rows unnoticed.
    """
    # pendulum reckons right only with zones of its own: with others the sum has no zone
    latest = pendulum.instance(now).in_timezone("UTC").add(seconds=CLOCK_MARGIN_SECONDS)
    return FORMAT.restored(stored, bot_id, api, partial(_range_problem, latest))


def _range_problem(latest: pendulum.DateTime, known: State) -> str | None:
    """Which value of a state cannot be true, as it is after `latest`; else None."""
    under_way = [each for each in (known["progress"], known["backfill"]) if each]
    if known["watermark"] is not None and utc_instant(known["watermark"]) > latest:
        return "its watermark is in the future"
    if any(utc_instant(each["started_at"]) > latest for each in under_way):
        return "its sync started in the future"
    if known["loaded_from"] is not None:
        is_future = DAY(known["loaded_from"]) > latest.add(days=ZONE_MARGIN_DAYS).date()
        return "its first day is in the future" if is_future else None
    if known["watermark"] or known["progress"]:
        return "it does not say from which day on it is loaded"
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
    return {
        **state,
        "watermark": utc_text(started_at.subtract(seconds=CLOCK_MARGIN_SECONDS)),
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
    seen = utc_text(last_activity)  # as text, instants sort in the same order
    return {**state, "last_activity": max(seen, state["last_activity"] or "")}


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
