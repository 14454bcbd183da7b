"""The stored state of one bot's conversations, as pure functions of plain dicts."""

from __future__ import annotations

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
from chatislav_source.streams.date_window import (
    DateWindow,
    merged,
    utc_instant,
    utc_text,
    windows_since,
)
from chatislav_source.streams.state import (
    Field,
    State,
    StateFormat,
    list_of,
    of_type,
    one_of,
    optional,
    record,
    without_fields,
    without_seal,
)

CLOCK_MARGIN_SECONDS = 900  # seconds; the largest difference between our clock and the API's

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

SETTLED = record(
    before=DAY, conversations=of_type(int), messages=of_type(int), last_load=optional(of_type(str))
)


def with_counts(state: State) -> State:
    """Convert version 2 to 3: what is loaded is read from the tables, and counted."""
    return {**without_fields("digests")(state), "settled": None}


def with_retention(state: State) -> State:
    """Convert version 3 to 4: no row was deleted for its age, unless `expiring` has noted it."""
    return {"kept_from": None, **state}


FORMAT = StateFormat(
    fields={
        "watermark": Field(
            None, optional(utc_instant), "Every change before it is loaded; null before a sync."
        ),
        "loaded_from": Field(None, optional(DAY), "The first day that any sync was to load."),
        "last_activity": Field(None, optional(utc_instant), "The latest in any response."),
        "date_filter": Field(
            "unknown",
            one_of("unknown", "activity", "created"),
            "The date that from/to filter on, as far as rows prove it.",
        ),
        "rows_per_day": Field(
            None, optional(of_type(int, float)), "Conversations per day; only used to size windows."
        ),
        "reread_from": Field(
            None,
            optional(DAY),
            "The first day that the next sync reads again, whatever its lookback is by then.",
        ),
        "again": Field(
            [], WINDOWS, "Windows that drifted in this sync; the next sync reads them again."
        ),
        "settled": Field(
            None,
            optional(SETTLED),
            "What the tables hold of the days before the first one that the next sync reads, see "
            "`is_kept`; null if it was not counted.",
        ),
        "kept_from": Field(
            None,
            optional(DAY),
            "Conversations last active before this day (UTC) are not in the tables, as "
            "retention_days has it; null if all are.",
        ),
        "progress": Field(
            None, optional(record(**PROGRESS)), "The sync under way, see `begun`; null if none."
        ),
        "backfill": Field(
            None,
            optional(record(**PROGRESS, range=DateWindow.parse)),
            "The progress of a backfill under way, with its range; null if none.",
        ),
        "error": Field(
            None, optional(of_type(str)), "The last sync's error; null if it ended well."
        ),
    },
    migrations=(without_seal, with_counts, with_retention),
)


def fresh(bot_id: int, api: str) -> State:
    """The state of a bot that was never synced."""
    return FORMAT.fresh(bot_id, api)


def restored(stored: Any, bot_id: int, api: str, now: datetime) -> tuple[State, str | None]:
    """`stored` in the current version; or a fresh state, and why `stored` is not used.

    Reading everything again is slow but correct; a wrong watermark would lose rows silently.
    """
    # pendulum adds correctly only with its own time zones: with others the sum has no zone
    latest = pendulum.instance(now).in_timezone("UTC").add(seconds=CLOCK_MARGIN_SECONDS)
    return FORMAT.restored(stored, bot_id, api, partial(_range_problem, latest))


def _range_problem(latest: pendulum.DateTime, known: State) -> str | None:
    """Which value of a state is impossible, as it is later than `latest`; else None."""
    under_way = [each for each in (known["progress"], known["backfill"]) if each]
    if known["watermark"] is not None and utc_instant(known["watermark"]) > latest:
        return "its watermark is in the future"
    if any(utc_instant(each["started_at"]) > latest for each in under_way):
        return "its sync started in the future"
    if known["loaded_from"] is not None:
        is_future = DAY(known["loaded_from"]) > latest.add(days=ZONE_MARGIN_DAYS).date()
        return "its first day is in the future" if is_future else None
    if known["watermark"] or known["progress"]:
        return "its first day is missing"
    return None


def begun(
    started_at: datetime,
    todo: Iterable[DateWindow],
    newest: DateWindow,
    settled_before: date | None = None,
) -> State:
    """The progress of a sync that starts now.

    `todo` are the windows not yet begun, `open` those begun, with their page token, `unverified`
    those read in several pages and not yet checked for page drift. `tail` is the newest days, which
    are read last. The next sync does not read windows that end before `settled_before`; null in a
    backfill.
    """
    return {
        "started_at": utc_text(started_at),
        "todo": [str(window) for window in todo],
        "open": [],
        "unverified": [],
        "tail": str(newest),
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


def without_progress(known: State) -> State:
    """The state of a bot whose rows were lost: all days that were loaded are read again."""
    fresh_state = fresh(known["bot_id"], known["api"])
    return {**fresh_state, "loaded_from": known["loaded_from"]}


def expiring(known: State, kept_from: date) -> State:
    """The state of a bot of which conversations last active before this day are to be deleted.

    Its rows are counted anew: a sync would take the deleted ones for lost. The state may be of any
    version.
    """
    earlier = day_of(known.get("kept_from"))
    return {**known, "settled": None, "kept_from": str(max(filter(None, (earlier, kept_from))))}


def since(progress: State, first_day: date) -> State:
    """The progress of a sync or backfill without days before this one; windows begun stay whole."""
    left = {
        name: [str(window) for window in windows_since(parsed(progress[name]), first_day)]
        for name in ("todo", "unverified")
    }
    opened = [
        entry
        for entry in progress["open"]
        if not DateWindow.parse(entry["window"]).ends_before(first_day)
    ]
    return {**progress, **left, "open": opened}


def loaded_up_to(known: State) -> datetime | None:
    """The start (UTC) of the last sync that is complete, before which all is loaded; None without.

    The state may be of any version. The watermark is earlier, as the API's clock may be late.
    """
    watermark = known.get("watermark")
    return utc_instant(watermark).add(seconds=CLOCK_MARGIN_SECONDS) if watermark else None


def is_finished(known: State) -> bool:
    """Whether no sync is under way and one has ended."""
    return known["progress"] is None and known["watermark"] is not None


def windows_left(progress: State | None) -> list[DateWindow]:
    """The windows that a sync or backfill under way still reads, or may read again."""
    if progress is None:
        return []
    opened = [entry["window"] for entry in progress["open"]]
    return parsed([*progress["todo"], *opened, *progress["unverified"], progress["tail"]])


def is_kept(settled: State, found: State) -> bool:
    """Whether no conversation was lost since the sync that counted `settled`.

    `found` is counted now. Both count rows created before the same day, and have the latest load
    that wrote one of the conversations. Conversations may be added there, but none is deleted.
    """
    is_older = (found["last_load"] or "") < (settled["last_load"] or "")
    return not is_older and bool(found["conversations"] >= settled["conversations"])


def backfilled(state: State, again: Iterable[DateWindow]) -> State:
    """The state after a backfill: unchanged, except for windows that never stopped drifting."""
    later = merged([*parsed(state["again"]), *again])
    return {**state, "backfill": None, "again": [str(window) for window in later]}


def with_activity(state: State, last_activity: datetime | None) -> State:
    """The state with the latest activity of all responses so far."""
    if last_activity is None:
        return state
    seen = utc_text(last_activity)  # as text, instants sort in the same order
    return {**state, "last_activity": max(seen, state["last_activity"] or "")}


def with_date_filter(state: State, shown: str | None) -> State:
    """The state after a page proved the date filter `shown`; contradictions make it unknown."""
    known = state["date_filter"]
    if shown is None or shown == known:
        return state
    return {**state, "date_filter": shown if known == "unknown" else "unknown"}


def lookback_days(state: State, configured: int | None) -> int:
    """Days before the last sync that are read again: configured, or the default."""
    if configured is not None:
        return configured
    if state["date_filter"] == "activity":
        return LOOKBACK_DAYS_BY_ACTIVITY
    return LOOKBACK_DAYS


def parsed(windows: Iterable[str]) -> list[DateWindow]:
    """The windows that a state stores as texts.

    Raises:
        ValueError: one of them is not a window.
    """
    return [DateWindow.parse(text) for text in windows]


def day_of(text: str | None) -> date | None:
    """The day that a state stores as text; None for None."""
    return date.fromisoformat(text) if text else None
