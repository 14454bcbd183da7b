"""Runs of one bot's analytics in memory: a table of days, and the partition at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from chatislav_source.config import SyncConfig, checked
from chatislav_source.errors import RetriesExhaustedError
from chatislav_source.streams.analytics.day import Day, DayReader, DayRequest, StoredDays
from chatislav_source.streams.analytics.partition import AnalyticsPartition
from chatislav_source.streams.analytics.plan import analytics_partition, requests_of
from chatislav_source.streams.state import State

API = "https://chatislav.ai/api/v1"
TODAY = date(2026, 6, 23)
FIRST_DAY = date(2026, 6, 1)
FAILED = RetriesExhaustedError("/analytics", "bot 123", 8, "HTTP 500")
BOTH = ("all", "viber")
NOW = datetime(2026, 6, 23, 12, tzinfo=UTC)
READ = Day(None, replaced_characters=0, size=10, tries=1, read_at=NOW)
"""A day that was read."""


class Table:
    """The days that are stored, by day, channel and zone; whether each is final."""

    def __init__(self) -> None:
        self.rows: dict[tuple[date, str, str], bool] = {}

    def write(self, request: DayRequest) -> None:
        """Store the day of a request."""
        self.rows[request.day, request.channel, request.timezone] = request.is_final

    @property
    def stored(self) -> StoredDays:
        """The days as a run reads them from the table."""
        return StoredDays.of((*key, is_final, "aa") for key, is_final in self.rows.items())


def day(number: int) -> date:
    """A day of June 2026."""
    return date(2026, 6, number)


def config_at(today: date = TODAY, **given: Any) -> SyncConfig:
    """The config of a sync at noon of a day, from the first day on."""
    now = datetime.combine(today, time(12), UTC)
    defaults: dict[str, Any] = {"bot_ids": [123], "api_key": "key", "base_url": API}
    return checked(now=now, **defaults | {"start_date": FIRST_DAY} | given)


def requests_for(
    table: Table, today: date = TODAY, channels: Iterable[str] = ("all",), **given: Any
) -> list[DayRequest]:
    """The requests of a sync, from the first day on."""
    config = config_at(today, analytics_channels=list(channels), **given)
    return requests_of(123, config, (FIRST_DAY, today), table.stored.final)


def partition_of(state: State, requests: list[DayRequest]) -> AnalyticsPartition:
    """The partition of a sync that sends these requests."""
    return AnalyticsPartition(state, requests, DayReader(StoredDays()))


def run(
    state: State | None, table: Table, today: date, failing: set[date], at_once: int = 3
) -> AnalyticsPartition:
    """The partition after a sync on the day `today`, with `at_once` requests in flight."""
    config = config_at(today, analytics_channels=list(BOTH))
    return finish(analytics_partition(state, 123, config, table.stored), table, failing, at_once)


def finish(
    partition: AnalyticsPartition, table: Table, failing: Iterable[date] = (), at_once: int = 3
) -> AnalyticsPartition:
    """The partition after its requests; the days that are read are written to the table."""
    in_flight: list[DayRequest] = []
    while True:
        request = partition.next_request() if len(in_flight) < at_once else None
        if request:
            in_flight.append(request)
        elif in_flight:
            oldest = in_flight.pop(0)
            if oldest.day in failing:
                partition.on_error(oldest, FAILED)
            else:
                table.write(oldest)
                partition.on_page(oldest, READ)
        else:
            return partition
