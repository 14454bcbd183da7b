"""`SyncConfig`, and how it is made from arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Unpack

from chatislav_source.config import values
from chatislav_source.config.arguments import (
    ANALYTICS_CHANNELS,
    ANALYTICS_PERIODS,
    DEFAULT_HISTORY_DAYS,
    DEFAULTS,
    MAX_CONCURRENCY,
    ZONE_MARGIN_DAYS,
    Arguments,
    Day,
)
from chatislav_source.config.days import day_of, today_in, zone_of
from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.settings import PrivacySettings, checked_settings

EARLIEST_DAY = date(2015, 1, 1)  # no conversation is older, so an earlier start is a mistake


@dataclass(frozen=True)
class SyncConfig:
    """The checked arguments of one sync, with every default filled in.

    `keys` are secrets and not part of `repr`. With `end_date` None the sync is incremental, else a
    backfill. `lookback_days` None is chosen per bot. `retention_days` None keeps rows for good.
    `now` is the start of the sync (UTC).
    """

    bot_ids: tuple[int, ...]
    keys: tuple[str, ...] = field(repr=False)
    base_url: str
    start_date: date
    start_date_given: bool
    end_date: date | None
    timezone: str | None
    api_zone: tzinfo
    lookback_days: int | None
    analytics_lookback_days: int
    analytics_channels: tuple[str, ...]
    analytics_periods: tuple[str, ...]
    guardrail_flags: bool
    history: bool
    max_concurrency: int
    requests_per_second: float | None
    now: datetime
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    retention_days: int | None = None

    @property
    def is_backfill(self) -> bool:
        """Whether the sync leaves the incremental state unchanged."""
        return self.end_date is not None

    @property
    def today(self) -> date:
        """The day of `now` in `timezone`, or in UTC without one."""
        return today_in(self.timezone or "UTC", self.now)

    @property
    def kept_from(self) -> date | None:
        """The first day (UTC) whose activity keeps a conversation; None if all are kept."""
        if self.retention_days is None:
            return None
        return self.now.date() - timedelta(days=self.retention_days)

    @property
    def backfill_range(self) -> str:
        """The days of a backfill, both included, as text."""
        return f"{self.start_date}/{self.end_date}"


def checked(*, now: datetime, **arguments: Unpack[Arguments]) -> SyncConfig:
    """The configuration of a sync that starts at `now` (any zone).

    Raises:
        ConfigurationError: a value is not usable; the message names it and a value that is.
    """
    given = DEFAULTS | arguments
    lookback_days, zone = given.get("lookback_days"), given.get("timezone")
    first_day, last_day = _range(given.get("start_date"), given.get("end_date"), now)
    keys = values.keys(given.get("api_key"), given.get("secondary_api_key"))
    return SyncConfig(
        bot_ids=values.bot_ids(given.get("bot_ids")),
        keys=keys,
        base_url=values.base_url(given["base_url"]),
        start_date=first_day,
        start_date_given=given.get("start_date") is not None,
        end_date=last_day,
        timezone=None if zone is None else str(zone_of("timezone", zone)),
        api_zone=zone_of("api_timezone", given["api_timezone"]),
        lookback_days=None
        if lookback_days is None
        else values.days("lookback_days", lookback_days),
        analytics_lookback_days=values.days(
            "analytics_lookback_days", given["analytics_lookback_days"]
        ),
        analytics_channels=values.names(
            "analytics_channels", given, ANALYTICS_CHANNELS, at_least=1
        ),
        analytics_periods=values.names("analytics_periods", given, ANALYTICS_PERIODS),
        guardrail_flags=values.flag("guardrail_flags", given["guardrail_flags"]),
        history=values.flag("history", given["history"]),
        max_concurrency=values.whole(
            "max_concurrency", given["max_concurrency"], 1, MAX_CONCURRENCY
        ),
        requests_per_second=values.rate(given.get("requests_per_second")),
        now=now.astimezone(UTC),
        privacy=checked_settings(given.get("privacy"), keys[0]),
        retention_days=values.retention_days(given.get("retention_days")),
    )


def _range(start: Day | None, end: Day | None, now: datetime) -> tuple[date, date | None]:
    today = today_in("UTC", now)
    first_day = day_of("start_date", start)
    last_day = day_of("end_date", end)
    if last_day is not None and first_day is None:
        raise ConfigurationError("end_date needs a start_date: a backfill has two ends.")
    if first_day is None:
        return today - timedelta(days=DEFAULT_HISTORY_DAYS), None
    if last_day is not None and last_day < first_day:
        raise ConfigurationError(
            f"end_date {last_day} is before start_date {first_day}. Swap them, or leave end_date "
            "out to sync until now."
        )
    last_start = today + timedelta(days=ZONE_MARGIN_DAYS)
    if not EARLIEST_DAY <= first_day <= last_start:
        raise ConfigurationError(
            f"start_date {first_day} is not between {EARLIEST_DAY} and today; "
            "give the first day to load."
        )
    return first_day, last_day
