"""The stored state of one bot's analytics, as pure functions of plain dicts.

Which days are loaded is not in it: the table says so.
"""

from __future__ import annotations

from datetime import date
from functools import partial

from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.date_window import DateWindow, merged
from chatislav_source.streams.state import (
    Field,
    State,
    StateFormat,
    dict_of,
    list_of,
    of_type,
    optional,
    record,
    without_fields,
    without_seal,
)

DAY = date.fromisoformat
READ = dict_of(of_type(str), list_of(DateWindow.parse))


def without_days(state: State) -> State:
    """Convert version 2 to 3: the loaded days are read from the table; a backfill begins anew."""
    return {**without_fields("series")(state), "backfill": None, "loaded_from": None}


def with_timezone(state: State) -> State:
    """Convert version 3 to 4: the zone is taken from the table."""
    return {**state, "timezone": None}


FORMAT = StateFormat(
    fields={
        "backfill": Field(
            None,
            optional(record(range=DateWindow.parse, read=READ)),
            "The range of a backfill under way, and its days that were read, by zone and channel, "
            "and the first days of periods that were read, by zone, channel and period; null if "
            "there is none.",
        ),
        "loaded_from": Field(None, optional(DAY), "The first day that any sync was to load."),
        "timezone": Field(
            None,
            optional(of_type(str)),
            "The zone of a sync that gives none, if the table has its days or no days; null: that "
            "of the table.",
        ),
        "error": Field(
            None, optional(of_type(str)), "The last run's error; null if it ended well."
        ),
    },
    migrations=(without_seal, without_days, with_timezone),
)


def fresh(bot_id: int, api: str) -> State:
    """The state of a bot whose analytics were never read."""
    return FORMAT.fresh(bot_id, api)


def restored(stored: object, bot_id: int, api: str, today: date) -> tuple[State, str | None]:
    """`stored` in the current version; or a fresh state, and why `stored` is not used."""
    return FORMAT.restored(stored, bot_id, api, partial(_range_problem, today))


def _range_problem(today: date, known: State) -> str | None:
    """Which value of a state is impossible on the day `today`; else None."""
    read = (known["backfill"] or {"read": {}})["read"].values()
    windows = [DateWindow.parse(text) for texts in read for text in texts]
    if any(window.last_day is None or window.last_day > today for window in windows):
        return "a future day is read in it"
    return None


def with_read(backfill: State, request: DayRequest) -> State:
    """The progress of a backfill after a day was read."""
    texts = backfill["read"].get(request.series, [])
    day = DateWindow(request.day, request.day)
    windows = merged([*(DateWindow.parse(text) for text in texts), day])
    read = {**backfill["read"], request.series: [str(window) for window in windows]}
    return {**backfill, "read": read}


def read_days(backfill: State) -> dict[str, list[DateWindow]]:
    """By series, the days of a backfill that were read."""
    return {
        series: [DateWindow.parse(text) for text in texts]
        for series, texts in backfill["read"].items()
    }
