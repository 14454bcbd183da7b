"""The arguments of a run, checked before anything is requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from chatislav_source import settings
from chatislav_source.errors import ConfigurationError

Day = str | date
"""A day, as a date or as ISO text."""


@dataclass(frozen=True)
class Options:
    """What a run is asked to do, with every value checked and every default filled in.

    `keys` are secrets: they stay out of `repr`. `end_date` None is a sync, else a backfill.
    """

    bot_ids: tuple[int, ...]
    keys: tuple[str, ...] = field(repr=False)
    base_url: str
    start_date: date
    start_date_given: bool
    end_date: date | None
    timezone: str
    api_zone: tzinfo
    lookback_days: int | None
    analytics_lookback_days: int
    analytics_channels: tuple[str, ...]
    max_concurrency: int
    now: datetime

    @property
    def is_backfill(self) -> bool:
        """Whether the incremental state stays as it is."""
        return self.end_date is not None

    @property
    def today(self) -> date:
        """The day it is, in `timezone`."""
        return self.now.astimezone(zone_of("timezone", self.timezone)).date()

    @property
    def backfill_range(self) -> str:
        """The days of a backfill, both included, as text."""
        return f"{self.start_date}/{self.end_date}"


def checked(
    *,
    bot_ids: Any,
    api_key: str | None,
    secondary_api_key: str | None,
    base_url: str,
    start_date: Day | None,
    end_date: Day | None,
    timezone: str,
    api_timezone: str,
    lookback_days: int | None,
    analytics_lookback_days: int,
    analytics_channels: Sequence[str],
    max_concurrency: int,
    now: datetime,
) -> Options:
    """The options of a run that starts at `now` (any zone); days are read as ISO.

    Raises:
        ConfigurationError: a value cannot be used; the message says which and what would do.
    """
    today = now.astimezone(UTC).date()
    first_day, last_day = _range(start_date, end_date, today)
    return Options(
        bot_ids=_bot_ids(bot_ids),
        keys=_keys(api_key, secondary_api_key),
        base_url=_base_url(base_url),
        start_date=first_day,
        start_date_given=start_date is not None,
        end_date=last_day,
        timezone=str(zone_of("timezone", timezone)),
        api_zone=zone_of("api_timezone", api_timezone),
        lookback_days=(
            None if lookback_days is None else _whole("lookback_days", lookback_days, least=0)
        ),
        analytics_lookback_days=_whole("analytics_lookback_days", analytics_lookback_days, least=0),
        analytics_channels=_channels(analytics_channels),
        max_concurrency=_whole("max_concurrency", max_concurrency, least=1),
        now=now.astimezone(UTC),
    )


def _range(start: Day | None, end: Day | None, today: date) -> tuple[date, date | None]:
    first_day = day_of("start_date", start)
    last_day = day_of("end_date", end)
    if last_day is not None and first_day is None:
        raise ConfigurationError("end_date needs a start_date: a backfill has both ends.")
    if first_day is None:
        return today - timedelta(days=settings.DEFAULT_HISTORY_DAYS), None
    if last_day is not None and last_day < first_day:
        raise ConfigurationError(
            f"end_date {last_day} is before start_date {first_day}. Swap them, or leave end_date "
            "out to sync until now."
        )
    if first_day > today + timedelta(days=settings.ZONE_MARGIN_DAYS):
        raise ConfigurationError(
            f"start_date {first_day} is in the future; give the first day to load."
        )
    return first_day, last_day


def day_of(name: str, value: Day | None) -> date | None:
    """A day that was given as a date, a date-time or ISO text.

    Raises:
        ConfigurationError: the text is not an ISO date.
    """
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name} {value!r} is not a date; write it as 2026-06-01."
        ) from None


def zone_of(name: str, key: str) -> tzinfo:
    """The IANA time zone `key`; UTC as the constant, which is quicker to reckon with.

    Raises:
        ConfigurationError: there is no such zone.
    """
    if key == "UTC":
        return UTC
    try:
        return ZoneInfo(key)
    except (KeyError, OSError, TypeError, ValueError):  # not found is a KeyError
        raise ConfigurationError(
            f"{name} {key!r} is not an IANA time zone; write it as Europe/Belgrade or UTC."
        ) from None


def _bot_ids(value: Any) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple) or not value:
        raise ConfigurationError(
            "bot_ids is empty; give the ids of the AI agents, as --bot-id 123, bot_ids=[123] or "
            "SOURCES__CHATISLAV__BOT_IDS='[123]'."
        )
    for bot_id in value:
        if not isinstance(bot_id, int) or isinstance(bot_id, bool) or bot_id < 0:
            raise ConfigurationError(f"bot_ids holds {bot_id!r}; ids are whole numbers like 123.")
    return tuple(dict.fromkeys(value))


def _keys(api_key: str | None, secondary_api_key: str | None) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in (api_key, secondary_api_key) if key and key.strip())
    if not api_key or not keys:
        raise ConfigurationError(
            "There is no API key. Create one in Chatislav under Profile > External API, then set "
            "SOURCES__CHATISLAV__API_KEY or api_key in .dlt/secrets.toml under [sources.chatislav]."
        )
    if not all(key.isascii() and key.isprintable() and " " not in key for key in keys):
        raise ConfigurationError(
            "An API key holds spaces or signs that no key has; copy it again (it is not shown)."
        )
    return tuple(dict.fromkeys(keys))


def _base_url(value: str) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"base_url {value!r} is not an http(s) address like {settings.BASE_URL}."
        )
    return value.rstrip("/")


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name} is {value!r}; it must be a whole number from {least} on.")
    return value


def _channels(value: Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value or ())
    unknown = [name for name in names if name not in settings.ANALYTICS_CHANNELS]
    if unknown or not names:
        raise ConfigurationError(
            f"analytics_channels holds {unknown or 'nothing'}; "
            f"choose from {', '.join(settings.ANALYTICS_CHANNELS)}."
        )
    return tuple(dict.fromkeys(names))
