"""Plans which days of one bot's analytics a run reads: every day that is not final.

So a missing day is read by the next sync, whatever the cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from chatislav_source.config import SyncConfig
from chatislav_source.streams.analytics.day import DayReader, DayRequest
from chatislav_source.streams.analytics.partition import AnalyticsPartition
from chatislav_source.streams.analytics.state import restored
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, days_of, missing_days
from chatislav_source.streams.state import State, warn_unused


def analytics_partition(
    stored: Any, bot_id: int, config: SyncConfig, trusted: bool = True
) -> AnalyticsPartition:
    """The partition that reads every day of one bot's analytics that is not final.

    The digests in the state are ignored unless it is `trusted` to match the table.
    """
    known, problem = restored(stored, bot_id, config.base_url, config.today)
    warn_unused(problem, bot_id)
    if config.is_backfill:
        return _backfill_partition(known, config)
    if not trusted:
        series = {name: {**days, "digests": {}} for name, days in known["series"].items()}
        known = {**known, "series": series}
    first_day = first_day_of_analytics(known, config)
    requests = sync_requests(
        known,
        config.analytics_channels,
        config.timezone,
        (first_day, config.today),
        config.today,
        config.analytics_lookback_days,
    )
    loaded = {name: series["digests"] for name, series in known["series"].items()}
    return AnalyticsPartition(known, requests, DayReader(loaded))


def first_day_of_analytics(known: State, config: SyncConfig) -> date:
    """The start date if it is given; else the earlier of its default and the first loaded day."""
    days = [
        DateWindow.parse(text).first_day
        for series in known["series"].values()
        for text in series["final"]
    ]
    return min([config.start_date, *days]) if not config.start_date_given else config.start_date


def _backfill_partition(known: State, config: SyncConfig) -> AnalyticsPartition:
    backfill = known["backfill"]
    if backfill is None or backfill["range"] != config.backfill_range:
        backfill = {"range": config.backfill_range, "series": {}}
    begun = {**known, "backfill": backfill}
    requests = sync_requests(
        {**begun, "series": backfill["series"]},
        config.analytics_channels,
        config.timezone,
        (config.start_date, config.end_date or config.today),
        config.today,
        config.analytics_lookback_days,
    )
    return AnalyticsPartition(begun, requests, DayReader({}), is_backfill=True)


def is_final(day: date, today: date, lookback_days: int) -> bool:
    """Whether `day` has ended by `today`, in its own zone, and its lookback has passed."""
    return day < today - timedelta(days=lookback_days)


def days_to_read(
    series: State | None, first_day: date, last_day: date, today: date, lookback_days: int
) -> list[date]:
    """Days from `first_day` to `last_day`, both included, that are not final.

    Days within the lookback are read, even if they were final under a shorter lookback.
    """
    final = [DateWindow.parse(text) for text in (series or {}).get("final", ())]
    lookback_from = today - timedelta(days=lookback_days)
    missing = missing_days(first_day, min(last_day, lookback_from - ONE_DAY), final)
    return missing + list(days_of(max(first_day, lookback_from), min(last_day, today)))


def sync_requests(
    bot_state: State,
    channels: Iterable[str],
    timezone: str,
    days: tuple[date, date],
    today: date,
    lookback_days: int,
) -> list[DayRequest]:
    """One request per channel and day of `days` (first, last) that is not final, oldest first."""
    return [
        DayRequest(bot_state["bot_id"], day, channel, timezone, is_final(day, today, lookback_days))
        for channel in channels
        for day in days_to_read(
            bot_state["series"].get(f"{timezone}|{channel}"), *days, today, lookback_days
        )
    ]
