"""Wiring: arguments and secrets become a run, a run becomes dlt resources."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

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
from chatislav_source.destinations.ddl import watch_loads
from chatislav_source.destinations.dlt_internals import active_pipeline
from chatislav_source.destinations.duckdb import Appending
from chatislav_source.destinations.staging import private_staging
from chatislav_source.destinations.writers import landing
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES
from chatislav_source.runner.load_limit import LoadLimit
from chatislav_source.runner.redaction import hide_rows
from chatislav_source.runner.run import Run


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


class Loads(Protocol):
    """Lends a run to the resources of one load, and the bound of that load (None: all).

    Without `appending` every load merges, so that it can be repeated.
    """

    @property
    def appending(self) -> Appending | None: ...

    def lent(self, resource: str) -> Any: ...


class WholeRunScope:
    """Each resource of a plain pipeline run has a run of its own, which is complete or fails."""

    appending = None  # dlt repeats what was interrupted

    def __init__(self, options: Options) -> None:
        self._options = options

    @contextmanager
    def lent(self, resource: str) -> Iterator[tuple[Run, LoadLimit | None]]:
        """A run that ends with the resource.

        Raises:
            ChatislavError: something could not be read; dlt then loads nothing.
        """
        with Run(self._options) as run:
            yield run, None
            fatal = run.finish()
            if fatal:
                raise fatal
            for job in run.crawls[resource].jobs:
                if job.partition.error:
                    raise job.partition.error


def resources(loads: Loads) -> Sequence[DltResource]:
    """The resources `conversations` and `analytics`, fed by the runs that `loads` lends."""
    quiet_about_the_intended()
    hide_rows()
    watch_loads()
    staging = private_staging()

    @dlt.resource(name=CONVERSATIONS.name)
    def conversations() -> Iterator[Any]:
        """Conversations, each once in its newest version, and their messages as a child table."""
        staging.claim(active_pipeline())
        with (
            loads.lent(CONVERSATIONS.name) as (run, chunk),
            landing(loads.appending) as landed,
        ):
            for parents, messages in run.conversations(dlt.current.resource_state(), chunk):
                yield from landed.items(CONVERSATIONS, parents)
                yield from landed.items(MESSAGES, messages)
            yield from landed.rest()

    @dlt.resource(name=ANALYTICS.name)
    def analytics() -> Iterator[Any]:
        """Totals by bot, day and channel."""
        staging.claim(active_pipeline())
        with loads.lent(ANALYTICS.name) as (run, chunk), landing(loads.appending) as landed:
            for days in run.analytics(dlt.current.resource_state(), chunk):
                yield from landed.items(ANALYTICS, days)
            yield from landed.rest()

    return conversations, analytics


class ExpectedWarningsFilter(logging.Filter):
    """Drops warnings that dlt gives with every load about what is done here on purpose."""

    INTENDED = (
        # Arrow has no JSON type, so a json column comes as text; dlt keeps our type, as it should
        "when merging arrow schema with dlt schema",
        # what is appended has nothing to clear, and what is merged needs the mark
        'The "hard_delete" column hint for column',
        # rows for Postgres; dlt's faster ways make null of empty texts
        "A ArrowToInsertValuesWriter writer is used",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is about anything else."""
        message = record.getMessage()
        return not any(part in message for part in self.INTENDED)


def quiet_about_the_intended() -> None:
    """Put the filter on dlt's logger, once."""
    dlt_logger = logging.getLogger("dlt")
    if not any(isinstance(known, ExpectedWarningsFilter) for known in dlt_logger.filters):
        dlt_logger.addFilter(ExpectedWarningsFilter())
