"""Plans which days of one bot's analytics a run reads: every day that is not final in the table.

So a missing day is read by the next sync, whatever the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from chatislav_source.config import SyncConfig
from chatislav_source.streams.analytics.day import DayReader, DayRequest, StoredDays, series_of
from chatislav_source.streams.analytics.partition import AnalyticsPartition
from chatislav_source.streams.analytics.state import read_days, restored
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, days_of, missing_days
from chatislav_source.streams.state import State, warn_unused

Final = Mapping[str, Iterable[DateWindow]]
"""By series, the days that need not be read again."""


def analytics_partition(
    state: Any, bot_id: int, config: SyncConfig, stored: StoredDays
) -> AnalyticsPartition:
    """The partition that reads every day of one bot's analytics that is not final.

    `stored` are the days in the table.
    """
    known, problem = restored(state, bot_id, config.base_url, config.today)
    warn_unused(problem, bot_id)
    if config.is_backfill:
        return _backfill_partition(known, config, stored)
    first_day = first_day_of_analytics(known, stored, config)
    requests = requests_of(bot_id, config, (first_day, config.today), stored.final)
    begun = {**known, "loaded_from": str(first_day)}
    return AnalyticsPartition(begun, requests, DayReader(stored))


def first_day_of_analytics(known: State, stored: StoredDays, config: SyncConfig) -> date:
    """The earlier of the start date, if it is given, and the one of earlier syncs.

    If no sync says one, the earlier of the default and the first stored day.
    """
    if known["loaded_from"] is not None:
        loaded_from = date.fromisoformat(known["loaded_from"])
        return min(loaded_from, config.start_date) if config.start_date_given else loaded_from
    if config.start_date_given or stored.first_day is None:
        return config.start_date
    return min(config.start_date, stored.first_day)


def _backfill_partition(known: State, config: SyncConfig, stored: StoredDays) -> AnalyticsPartition:
    backfill = known["backfill"]
    if backfill is None or backfill["range"] != config.backfill_range:
        backfill = {"range": config.backfill_range, "read": {}}
    begun = {**known, "backfill": backfill}
    days = (config.start_date, config.end_date or config.today)
    requests = requests_of(known["bot_id"], config, days, read_days(backfill))
    return AnalyticsPartition(begun, requests, DayReader(stored), is_backfill=True)


def is_final(day: date, today: date, lookback_days: int) -> bool:
    """Whether `day` has ended by `today`, in its own zone, and its lookback has passed."""
    return day < today - timedelta(days=lookback_days)


def days_to_read(
    final: Iterable[DateWindow], first_day: date, last_day: date, today: date, lookback_days: int
) -> list[date]:
    """Days from `first_day` to `last_day`, both included, that are not final.

    Days within the lookback are read, even if they were final under a shorter lookback.
    """
    lookback_from = today - timedelta(days=lookback_days)
    missing = missing_days(first_day, min(last_day, lookback_from - ONE_DAY), final)
    return missing + list(days_of(max(first_day, lookback_from), min(last_day, today)))


def requests_of(
    bot_id: int, config: SyncConfig, days: tuple[date, date], final: Final
) -> list[DayRequest]:
    """One request per channel and day of `days` (first, last) that is not final, oldest first."""
    today, lookback = config.today, config.analytics_lookback_days
    return [
        DayRequest(bot_id, day, channel, config.timezone, is_final(day, today, lookback))
        for channel in config.analytics_channels
        for day in days_to_read(
            final.get(series_of(config.timezone, channel), ()), *days, today, lookback
        )
    ]
