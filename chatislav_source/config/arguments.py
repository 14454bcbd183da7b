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
    `DEFAULTS`. `start_date` and `end_date` are whole days, both included; an `end_date` makes the
    sync a backfill. `timezone` is the zone of the analytics day, `api_timezone` that of timestamps
    without an offset; both are IANA names. `timezone` None: the zone that a bot is loaded in, at
    first UTC. `lookback_days` None: 2 if the API filters on activity, else 30. `guardrail_flags`
    also asks which conversations have guardrail events. `history` keeps every version of a
    conversation's status and of a day's totals. `max_concurrency` limits the requests in flight,
    `requests_per_second` their rate. `privacy` None keeps all. `retention_days` None keeps rows
    for good.
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
    guardrail_flags: bool | None
    history: bool | None
    max_concurrency: int | None
    requests_per_second: float | None
    privacy: PrivacyArguments | None
    retention_days: int | None


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
