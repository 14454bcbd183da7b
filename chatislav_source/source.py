"""Wiring: arguments and secrets become a run, a run becomes dlt resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.common.configuration import with_config
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from chatislav_source.config import (
    ANALYTICS_LOOKBACK_DAYS,
    BASE_URL,
    DEFAULT_CONCURRENCY,
    Options,
    checked,
)
from chatislav_source.runner.resources import WholeRunScope, resources


@dlt.source(name="chatislav", section="chatislav", max_table_nesting=0)
def chatislav(
    bot_ids: list[int] | None = None,
    api_key: TSecretStrValue | None = None,
    secondary_api_key: TSecretStrValue | None = None,
    base_url: str = BASE_URL,
    start_date: str | None = None,
    end_date: str | None = None,
    timezone: str = "UTC",
    api_timezone: str = "UTC",
    lookback_days: int | None = None,
    analytics_lookback_days: int = ANALYTICS_LOOKBACK_DAYS,
    analytics_channels: list[str] | None = None,
    max_concurrency: int = DEFAULT_CONCURRENCY,
) -> Sequence[DltResource]:
    """Conversations with their messages, and daily analytics, of Chatislav AI agents.

    Each argument is also read from `[sources.chatislav]` of dlt's config or secrets. One run is one
    load, complete: if a bot cannot be read, nothing is loaded. `start_date` and `end_date` are
    included, as whole days; `end_date` makes it a backfill, which leaves the incremental state
    alone. `timezone` is of the analytics day, `api_timezone` of timestamps without an offset.
    `lookback_days` None: 2 once the API is seen to filter on activity, else 30.

    Raises:
        ConfigurationError: an argument cannot be used; nothing was requested.
    """
    options = _checked({**locals()})
    return resources(WholeRunScope(options))


@with_config(sections=("sources", "chatislav"))
def resolved_options(
    bot_ids: list[int] | None = None,
    api_key: TSecretStrValue | None = None,
    secondary_api_key: TSecretStrValue | None = None,
    base_url: str = BASE_URL,
    start_date: str | None = None,
    end_date: str | None = None,
    timezone: str = "UTC",
    api_timezone: str = "UTC",
    lookback_days: int | None = None,
    analytics_lookback_days: int = ANALYTICS_LOOKBACK_DAYS,
    analytics_channels: list[str] | None = None,
    max_concurrency: int = DEFAULT_CONCURRENCY,
) -> Options:
    """The options of a run outside a dlt source, from arguments and dlt's config.

    Raises:
        ConfigurationError: a value cannot be used.
    """
    return _checked({**locals()})


def _checked(given: dict[str, Any]) -> Options:
    given["analytics_channels"] = given["analytics_channels"] or ["all"]
    return checked(**given, now=datetime.now(UTC))
