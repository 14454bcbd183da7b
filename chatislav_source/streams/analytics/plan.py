"""Where a run of one bot's analytics begins, from the options and the stored state."""

from __future__ import annotations

from datetime import date

from chatislav_source.config import Options
from chatislav_source.streams.analytics.day import (
    AnalyticsPartition,
    DayReader,
    DayRequest,
    restored,
    sync_requests,
    with_day,
)
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State, warn_unused


def analytics_partition(
    stored: State | None, bot_id: int, options: Options, trusted: bool = True
) -> AnalyticsPartition:
    """The partition that reads every day of one bot's analytics that is not final.

    Where the state is not `trusted`, it is not believed about which rows the tables hold.
    """
    known, problem = restored(stored, bot_id, options.base_url, options.today)
    warn_unused(problem, bot_id)
    if options.is_backfill:
        return _backfill_partition(known, options)
    if not trusted:
        series = {name: {**days, "digests": {}} for name, days in known["series"].items()}
        known = {**known, "series": series}
    first_day = first_day_of_analytics(known, options)
    requests = sync_requests(
        known,
        options.analytics_channels,
        options.timezone,
        (first_day, options.today),
        options.today,
        options.analytics_lookback_days,
    )
    loaded = {name: series["digests"] for name, series in known["series"].items()}
    return AnalyticsPartition(
        known, requests, DayReader(loaded), _note_in_series, lambda finished: finished
    )


def first_day_of_analytics(known: State, options: Options) -> date:
    """The start date; where none is given, the first day that was ever loaded."""
    days = [
        DateWindow.parse(text).first_day
        for series in known["series"].values()
        for text in series["final"]
    ]
    return min([options.start_date, *days]) if not options.start_date_given else options.start_date


def _note_in_series(known: State, request: DayRequest, digest: str) -> State:
    series = with_day(known["series"].get(request.series), request, digest)
    return {**known, "series": {**known["series"], request.series: series}}


def _backfill_partition(known: State, options: Options) -> AnalyticsPartition:
    backfill = known["backfill"]
    if backfill is None or backfill["range"] != options.backfill_range:
        backfill = {"range": options.backfill_range, "series": {}}
    begun = {**known, "backfill": backfill}
    requests = sync_requests(
        {**begun, "series": backfill["series"]},
        options.analytics_channels,
        options.timezone,
        (options.start_date, options.end_date or options.today),
        options.today,
        options.analytics_lookback_days,
    )
    return AnalyticsPartition(
        begun,
        requests,
        DayReader({}),
        _note_in_backfill,
        lambda finished: {**finished, "backfill": None},
    )


def _note_in_backfill(known: State, request: DayRequest, digest: str) -> State:
    backfill = known["backfill"]
    noted = _note_in_series({"series": backfill["series"]}, request, digest)
    return {**known, "backfill": {**backfill, "series": noted["series"]}}
