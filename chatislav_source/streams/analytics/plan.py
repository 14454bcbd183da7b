"""Plans which days of one bot's analytics a run reads: every day that is not final in the table.

So a missing day is read by the next sync, whatever the cause. Periods are read by the same rule: a
period is final with its last day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

from chatislav_source.config import ZONE_MARGIN_DAYS, SyncConfig
from chatislav_source.records.private.policy import policy_of
from chatislav_source.records.schema import ANALYTICS
from chatislav_source.streams.analytics.day import DayReader, DayRequest, StoredDays, series_of
from chatislav_source.streams.analytics.partition import AnalyticsPartition
from chatislav_source.streams.analytics.period_request import PeriodRequest
from chatislav_source.streams.analytics.periods import periods_of
from chatislav_source.streams.analytics.state import read_days, restored
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, days_of, missing_days
from chatislav_source.streams.state import State, warn_unused

Final = Mapping[str, Iterable[DateWindow]]
"""By series, the days that need not be read again."""


FIRST_ZONE = "UTC"  # of a bot that was never loaded, if none is asked for
ZONES = (
    "Bot {bot_id}: analytics are stored in several time zones, {zones}, so a sum over all rows "
    "counts each day more than once. Filter on the column timezone. A sync that gives no timezone "
    "continues {usual}. To have one zone only, delete the rows of the others."
)


def analytics_partition(
    state: Any, bot_id: int, config: SyncConfig, stored: StoredDays
) -> AnalyticsPartition:
    """The partition that reads every day of one bot's analytics that is not final.

    `stored` are the days in the table.
    """
    latest_day = config.now.date() + timedelta(days=ZONE_MARGIN_DAYS)
    known, problem = restored(state, bot_id, config.base_url, latest_day)
    warn_unused(problem, bot_id)
    usual_zone = usual_zone_of(known, stored, config)
    config = replace(config, timezone=config.timezone or usual_zone)
    if config.is_backfill:
        partition = _backfill_partition(known, config, stored)
    else:
        partition = _sync_partition({**known, "timezone": usual_zone}, config, stored)
    zones = sorted({*stored.zones, config.timezone or usual_zone})
    if len(zones) > 1:
        names = " and ".join(zones)
        partition.warnings.append(ZONES.format(bot_id=bot_id, zones=names, usual=usual_zone))
    return partition


def usual_zone_of(known: State, stored: StoredDays, config: SyncConfig) -> str:
    """The zone that a sync of a bot reads if no other is asked for: the one it is loaded in.

    Of several, the first that was used. Whoever deletes the rows of a zone does not get them back.
    """
    if not stored.zones:
        return config.timezone or known["timezone"] or FIRST_ZONE
    return known["timezone"] if known["timezone"] in stored.zones else stored.zones[0]


def _sync_partition(known: State, config: SyncConfig, stored: StoredDays) -> AnalyticsPartition:
    first_day, last_day = first_day_of_analytics(known, stored, config), config.today
    requests = all_requests(known["bot_id"], config, (first_day, last_day), stored.final)
    # what is missing is sent first, so that syncs that are killed again and again come to an end
    requests.sort(key=lambda request: stored.version_of(request) is None)
    begun = {**known, "loaded_from": str(first_day)}
    return AnalyticsPartition(begun, requests, _reader(stored, config), last_day)


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
    requests = all_requests(known["bot_id"], config, days, read_days(backfill))
    return AnalyticsPartition(begun, requests, _reader(stored, config), days[1], is_backfill=True)


def _reader(stored: StoredDays, config: SyncConfig) -> DayReader:
    return DayReader(stored, policy_of(config.privacy).sealing(ANALYTICS))


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


def all_requests(
    bot_id: int, config: SyncConfig, days: tuple[date, date], final: Final
) -> list[DayRequest]:
    """The requests for periods and then for days, as the last one is sent first."""
    periods = period_requests_of(bot_id, config, days, final)
    return [*periods, *requests_of(bot_id, config, days, final)]


def requests_of(
    bot_id: int, config: SyncConfig, days: tuple[date, date], final: Final
) -> list[DayRequest]:
    """One request per channel and day of `days` (first, last) that is not final, oldest first."""
    today, lookback = config.today, config.analytics_lookback_days
    zone = config.timezone or FIRST_ZONE
    return [
        DayRequest(bot_id, day, channel, zone, is_final(day, today, lookback))
        for channel in config.analytics_channels
        for day in days_to_read(final.get(series_of(zone, channel), ()), *days, today, lookback)
    ]


def period_requests_of(
    bot_id: int, config: SyncConfig, days: tuple[date, date], final: Final
) -> Iterator[PeriodRequest]:
    """One request per channel and period with a day of `days` that is not final, oldest first.

    `final` has the first days of final periods, by series.
    """
    today, lookback = config.today, config.analytics_lookback_days
    zone = config.timezone or FIRST_ZONE
    for channel, name in product(config.analytics_channels, config.analytics_periods):
        for period in periods_of(name, *days, today):
            has_ended = is_final(period.last_day, today, lookback)
            request = PeriodRequest(
                bot_id, period.first_day, channel, zone, has_ended, period, today
            )
            stored = final.get(request.series, ())
            if not (has_ended and any(window.contains(request.day) for window in stored)):
                yield request
