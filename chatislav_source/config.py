"""The arguments of a sync: names, types and defaults, and the checks that make a `SyncConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.settings import PrivacyArguments, PrivacySettings, checked_settings

BASE_URL = "https://chatislav.ai/api/v1"
ANALYTICS_CHANNELS = (
    *("all", "widget", "whatsapp", "facebook", "instagram"),
    *("viber", "telegram", "outlook", "zendesk"),
)
ANALYTICS_PERIODS = ("week", "month", "quarter", "last_7_days", "last_28_days")
DEFAULT_HISTORY_DAYS = 90  # days before today, if no start_date is given
LOOKBACK_DAYS = 30  # days; a conversation may be changed this long after it was created
LOOKBACK_DAYS_BY_ACTIVITY = 2  # days; enough once from/to are proven to filter on activity
ZONE_MARGIN_DAYS = 1  # days; the zone of from/to is not documented; zones differ by < 24 h
DEFAULT_CONCURRENCY = 8  # requests in flight
MAX_CONCURRENCY = 64  # requests in flight; each takes a thread

EARLIEST_DAY = date(2015, 1, 1)  # no conversation is older, so an earlier start is a mistake
MAX_LOOKBACK_DAYS = 3650  # days; longer than the history of the API
MAX_BOT_ID = 2**63 - 1  # the largest value of a bigint column

Day = str | date
"""A day, as a date or as ISO text."""


class Arguments(TypedDict, total=False):
    """The arguments of `chatislav(...)` and `sync(...)`; None is the same as not given.

    An argument that is not given is read from `[sources.chatislav]` of dlt's config, then from
    `DEFAULTS`. `start_date` and `end_date` are whole days, both included; an `end_date` makes the
    sync a backfill. `timezone` is the zone of the analytics day, `api_timezone` that of timestamps
    without an offset; both are IANA names. `timezone` None: the zone that a bot is loaded in, at
    first UTC. `lookback_days` None: 2 if the API filters on activity, else 30. `max_concurrency`
    limits the requests in flight, `requests_per_second` their rate. `privacy` None keeps all.
    """

    bot_ids: list[int] | None
    api_key: str | None
    secondary_api_key: str | None
    base_url: str | None
    start_date: Day | None
    end_date: Day | None
    timezone: str | None
    api_timezone: str | None
    lookback_days: int | None
    analytics_lookback_days: int | None
    analytics_channels: list[str] | None
    analytics_periods: list[str] | None
    max_concurrency: int | None
    requests_per_second: float | None
    privacy: PrivacyArguments | None


SECRETS = frozenset({"api_key", "secondary_api_key"})
"""Arguments that dlt must treat as secrets."""

DEFAULTS: Arguments = {
    "base_url": BASE_URL,
    "api_timezone": "UTC",
    "analytics_lookback_days": 7,  # the totals of a day change for some days after it
    "analytics_channels": ["all"],
    "analytics_periods": [],
    "max_concurrency": DEFAULT_CONCURRENCY,
}
"""Values of arguments that are not given; the default of any other argument is None."""


@dataclass(frozen=True)
class SyncConfig:
    """The checked arguments of one sync, with every default filled in.

    `keys` are secrets and not part of `repr`. With `end_date` None the sync is incremental, else a
    backfill. `lookback_days` None is chosen per bot. `now` is the start of the sync (UTC).
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
    max_concurrency: int
    requests_per_second: float | None
    now: datetime
    privacy: PrivacySettings = field(default_factory=PrivacySettings)

    @property
    def is_backfill(self) -> bool:
        """Whether the sync leaves the incremental state unchanged."""
        return self.end_date is not None

    @property
    def today(self) -> date:
        """The day of `now` in `timezone`, or in UTC without one."""
        return today_in(self.timezone or "UTC", self.now)

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
    keys = _keys(given.get("api_key"), given.get("secondary_api_key"))
    return SyncConfig(
        bot_ids=_bot_ids(given.get("bot_ids")),
        keys=keys,
        base_url=_base_url(given["base_url"]),
        start_date=first_day,
        start_date_given=given.get("start_date") is not None,
        end_date=last_day,
        timezone=None if zone is None else str(zone_of("timezone", zone)),
        api_zone=zone_of("api_timezone", given["api_timezone"]),
        lookback_days=None if lookback_days is None else _days("lookback_days", lookback_days),
        analytics_lookback_days=_days("analytics_lookback_days", given["analytics_lookback_days"]),
        analytics_channels=_names("analytics_channels", given, ANALYTICS_CHANNELS, at_least=1),
        analytics_periods=_names("analytics_periods", given, ANALYTICS_PERIODS),
        max_concurrency=_whole("max_concurrency", given["max_concurrency"], 1, MAX_CONCURRENCY),
        requests_per_second=_rate(given.get("requests_per_second")),
        now=now.astimezone(UTC),
        privacy=checked_settings(given.get("privacy"), keys[0]),
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


def day_of(name: str, value: Day | None) -> date | None:
    """The day of a date, a date-time, or ISO text like 2026-06-01 or 20260601; None stays None.

    Raises:
        ConfigurationError: the text is not an ISO date.
    """
    if value is None:
        return None
    if isinstance(value, date):  # also a date-time, and a date of pendulum
        return date(value.year, value.month, value.day)
    import pendulum  # here, as `chatislav --help` imports this module

    try:
        # with a format, as `parse` also accepts a month, a year and "now"
        day = pendulum.from_format(value, {10: "YYYY-MM-DD", 8: "YYYYMMDD"}[len(value)])
    except (KeyError, TypeError, ValueError):
        raise ConfigurationError(
            f"{name} {value!r} is not a date; write it as 2026-06-01."
        ) from None
    return date(day.year, day.month, day.day)


def today_in(zone: str, now: datetime) -> date:
    """The day of `now` (any zone) in the IANA time zone `zone`."""
    import pendulum

    local = pendulum.instance(now).in_timezone(zone)
    return date(local.year, local.month, local.day)


def zone_of(name: str, key: Any) -> tzinfo:
    """The IANA time zone `key`; for UTC the constant `UTC`, which converts faster.

    Raises:
        ConfigurationError: there is no such zone.
    """
    import pendulum

    try:
        zone = pendulum.timezone(key) if isinstance(key, str) else None
    except (OSError, ValueError):
        zone = None
    if zone is None:
        raise ConfigurationError(
            f"{name} {key!r} is not an IANA time zone; write it as Europe/Belgrade or UTC."
        )
    return UTC if zone.name == "UTC" else zone


def _bot_ids(value: Any) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple) or not value:
        raise ConfigurationError(
            f"bot_ids is {'a ' + type(value).__name__ if value else 'empty'}; give a list of the "
            "ids of the AI agents, as --bot-id 123, bot_ids=[123] or "
            "SOURCES__CHATISLAV__BOT_IDS='[123]'."
        )
    for bot_id in value:
        is_whole = isinstance(bot_id, int) and not isinstance(bot_id, bool)
        if not is_whole or not 0 < bot_id <= MAX_BOT_ID:
            raise ConfigurationError(f"bot_ids has {bot_id!r}; ids are whole numbers like 123.")
    return tuple(dict.fromkeys(value))


def _keys(api_key: Any, secondary_api_key: Any) -> tuple[str, ...]:
    first, second = _key("api_key", api_key), _key("secondary_api_key", secondary_api_key)
    if not first:
        raise ConfigurationError(
            "There is no API key. Create one in Chatislav under Profile > External API, then set "
            "SOURCES__CHATISLAV__API_KEY or api_key in .dlt/secrets.toml under [sources.chatislav]."
        )
    return tuple(dict.fromkeys(filter(None, (first, second))))


def _key(name: str, value: Any) -> str:
    key = value.strip() if isinstance(value, str) else value
    if not key:
        return ""
    if not (isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key):
        raise ConfigurationError(
            f"{name} is not text, or has spaces or characters that no key has; copy it again "
            "(it is not shown)."
        )
    return key


def _base_url(value: Any) -> str:
    url = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an incomplete IPv6 address, or a port above 65535
        is_address = False
    if not is_address or not url.isprintable() or " " in url:
        shown = "(not shown)" if "@" in str(value) else repr(value)  # it may contain a password
        raise ConfigurationError(f"base_url {shown} is not an http(s) address like {BASE_URL}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "base_url contains a password, a query or a fragment, which the API does not use; "
            f"write only the address, like {BASE_URL}."
        )
    return url.rstrip("/")


def _days(name: str, value: Any) -> int:
    return _whole(name, value, 0, MAX_LOOKBACK_DAYS)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not low <= value <= high:
        raise ConfigurationError(f"{name} is {value!r}; give a whole number from {low} to {high}.")
    return int(value)


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ConfigurationError(f"requests_per_second is {value!r}; give a number above 0.")
    return float(value)


def _names(name: str, given: Any, known: tuple[str, ...], at_least: int = 0) -> tuple[str, ...]:
    value = () if given[name] is None else given[name]
    names = tuple(value) if isinstance(value, list | tuple) else (value,)
    unknown = [each for each in names if each not in known]
    if unknown or len(names) < at_least:
        found = unknown or "nothing"
        raise ConfigurationError(f"{name} has {found}; choose from {', '.join(known)}.")
    return tuple(dict.fromkeys(names))
