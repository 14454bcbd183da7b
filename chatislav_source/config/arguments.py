"""The arguments of a sync: names, types and defaults."""

from __future__ import annotations

from datetime import date
from typing import TypedDict

from chatislav_source.privacy.settings import PrivacyArguments

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

Day = str | date
"""A day, as a date or as ISO text."""


class Arguments(TypedDict, total=False):
    """The arguments of `chatislav(...)` and `sync(...)`; None is the same as not given.

    An argument that is not given is read from `[sources.chatislav]` of dlt's config, then from
    `DEFAULTS`. The text below each argument is its entry in the reference of the documentation.
    """

    bot_ids: list[int] | None
    """Ids of the AI agents to sync. Required."""

    api_key: str | None
    """Sent as `X-API-Key`. Required."""

    secondary_api_key: str | None
    """Used when the API refuses the first key, so that keys can be rotated without downtime."""

    base_url: str | None
    """Address of the API."""

    start_date: Day | None
    """First day to load, included, of both resources. It stays; if it is moved to an earlier day,
    the next sync loads the days before. None: 90 days ago."""

    end_date: Day | None
    """Last day, included; makes the run a backfill, which does not change the incremental state."""

    timezone: str | None
    """IANA zone of the analytics day. None: the zone a bot is loaded in, at first UTC."""

    api_timezone: str | None
    """IANA zone of the API's timestamps that have no offset."""

    lookback_days: int | None
    """Days before the last sync that are read again. None: 2 if the API is proven to filter on
    activity, else 30."""

    analytics_lookback_days: int | None
    """Trailing days of analytics that are read again."""

    analytics_channels: list[str] | None
    """`all`, single channels, or both."""

    analytics_periods: list[str] | None
    """`week`, `month`, `quarter`, `last_7_days`, `last_28_days`: totals of these periods, one
    request each; trailing days are one for each day."""

    guardrail_flags: bool | None
    """Also finds out which conversations have guardrail events, by one more listing per window."""

    history: bool | None
    """Also keeps every version of a conversation's status and of a day's totals."""

    max_concurrency: int | None
    """Maximum number of requests in flight, 1 to 64."""

    requests_per_second: float | None
    """Highest rate of requests, such as 5 or 0.5. None: the rate that the API allows is found."""

    privacy: PrivacyArguments | None
    """What is hashed, masked, scrubbed or dropped before anything is written. None: everything is
    kept."""

    retention_days: int | None
    """Conversations whose last activity is more days ago are deleted after each sync and not read
    again. None: rows are kept for good."""


PLACEHOLDER = "<configure me>"
"""What dlt writes into new files; a setting with this value is not given."""

SECRETS = frozenset({"api_key", "secondary_api_key"})
"""Arguments that dlt must treat as secrets."""

DEFAULTS: Arguments = {
    "base_url": BASE_URL,
    "api_timezone": "UTC",
    "analytics_lookback_days": 7,  # the totals of a day change for some days after it
    "analytics_channels": ["all"],
    "analytics_periods": [],
    "guardrail_flags": False,
    "history": False,
    "max_concurrency": DEFAULT_CONCURRENCY,
}
"""Values of arguments that are not given; the default of any other argument is None."""
