"""The stored state of one bot's analytics, as pure functions of plain dicts.

A series has the days of one zone and channel: windows of final days, and a digest of each other
day that is loaded.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.date_window import DateWindow, merged, without
from chatislav_source.streams.state import (
    Field,
    State,
    StateFormat,
    dict_of,
    list_of,
    of_type,
    optional,
    record,
    without_seal,
)

DIGESTS = dict_of(date.fromisoformat, of_type(str))
SERIES = dict_of(of_type(str), record(final=list_of(DateWindow.parse), digests=DIGESTS))

FORMAT = StateFormat(
    fields={
        "series": Field({}, SERIES, "The days that are loaded, by zone and channel."),
        "backfill": Field(
            None,
            optional(record(range=DateWindow.parse, series=SERIES)),
            "The range and series of a backfill under way; null if there is none.",
        ),
        "error": Field(
            None, optional(of_type(str)), "The last run's error; null if it ended well."
        ),
    },
    migrations=(without_seal,),
)


def fresh(bot_id: int, api: str) -> State:
    """The state of a bot whose analytics were never read."""
    return FORMAT.fresh(bot_id, api)


def restored(stored: Any, bot_id: int, api: str, today: date) -> tuple[State, str | None]:
    """`stored` in the current version; or a fresh state, and why `stored` is not used."""
    return FORMAT.restored(stored, bot_id, api, partial(_range_problem, today))


def _range_problem(today: date, known: State) -> str | None:
    """Which value of a state is impossible on the day `today`; else None."""
    backfill = known["backfill"] or {"series": {}}
    series = [*known["series"].values(), *backfill["series"].values()]
    final = [DateWindow.parse(text) for each in series for text in each["final"]]
    if any(window.last_day is None or window.last_day > today for window in final):
        return "a future day is final in it"
    return None


def noted(known: State, request: DayRequest, digest: str, is_backfill: bool = False) -> State:
    """The state after a day was read; in the backfill's series if `is_backfill`."""
    if is_backfill:
        return {**known, "backfill": noted(known["backfill"], request, digest)}
    series = with_day(known["series"].get(request.series), request, digest)
    return {**known, "series": {**known["series"], request.series: series}}


def with_day(series: State | None, request: DayRequest, digest: str) -> State:
    """The series after a day was read: a final day joins the windows, others keep a digest."""
    day = request.day
    known = series or {"final": [], "digests": {}}
    digests = {name: value for name, value in known["digests"].items() if name != str(day)}
    windows = [DateWindow.parse(text) for text in known["final"]]
    if request.is_final:
        final = merged([*windows, DateWindow(day, day)])
    else:
        final = without(windows, day)
        digests[str(day)] = digest
    return {"final": [str(window) for window in final], "digests": digests}
