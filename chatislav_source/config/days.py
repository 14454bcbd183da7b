"""Days and time zones, as users write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Any

from chatislav_source.config.arguments import Day
from chatislav_source.errors import ConfigurationError


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
