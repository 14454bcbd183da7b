"""The arguments of a sync, checked; pure, but for the time zones that the system knows."""

from chatislav_source.config.arguments import (
    ANALYTICS_CHANNELS,
    ANALYTICS_PERIODS,
    BASE_URL,
    DEFAULT_CONCURRENCY,
    DEFAULT_HISTORY_DAYS,
    DEFAULTS,
    LOOKBACK_DAYS,
    LOOKBACK_DAYS_BY_ACTIVITY,
    MAX_CONCURRENCY,
    PLACEHOLDER,
    SECRETS,
    ZONE_MARGIN_DAYS,
    Arguments,
    Day,
)
from chatislav_source.config.days import day_of, today_in, zone_of
from chatislav_source.config.sync_config import SyncConfig, checked
from chatislav_source.config.values import MAX_BOT_ID

__all__ = [
    "ANALYTICS_CHANNELS",
    "ANALYTICS_PERIODS",
    "BASE_URL",
    "DEFAULTS",
    "DEFAULT_CONCURRENCY",
    "DEFAULT_HISTORY_DAYS",
    "LOOKBACK_DAYS",
    "LOOKBACK_DAYS_BY_ACTIVITY",
    "MAX_BOT_ID",
    "MAX_CONCURRENCY",
    "PLACEHOLDER",
    "SECRETS",
    "ZONE_MARGIN_DAYS",
    "Arguments",
    "Day",
    "SyncConfig",
    "checked",
    "day_of",
    "today_in",
    "zone_of",
]
