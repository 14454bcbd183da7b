"""Runs of one bot's analytics in memory: the requests of a sync, and its partition at the end."""

from __future__ import annotations

from datetime import date

from chatislav_source.errors import RetriesExhaustedError
from chatislav_source.streams.analytics.day import Day, DayReader, DayRequest
from chatislav_source.streams.analytics.partition import AnalyticsPartition
from chatislav_source.streams.analytics.plan import sync_requests
from chatislav_source.streams.state import State

API = "https://chatislav.ai/api/v1"
TODAY = date(2026, 6, 23)
FIRST_DAY = date(2026, 6, 1)
FAILED = RetriesExhaustedError("/analytics", "bot 123", 8, "HTTP 500")


def day(number: int) -> date:
    """A day of June 2026."""
    return date(2026, 6, number)


def requests_of(
    state: State, today: date = TODAY, channels: tuple[str, ...] = ("all",)
) -> list[DayRequest]:
    """The requests of a sync, from the first day on."""
    return sync_requests(state, channels, "UTC", (FIRST_DAY, today), today, 7)


def partition_of(state: State, requests: list[DayRequest]) -> AnalyticsPartition:
    """The partition of a sync that sends these requests."""
    return AnalyticsPartition(state, requests, DayReader({}))


def run(state: State, today: date, failing: set[date], at_once: int = 3) -> AnalyticsPartition:
    """The partition after a sync on the day `today`, with `at_once` requests in flight."""
    partition = partition_of(state, requests_of(state, today, ("all", "viber")))
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
                partition.on_page(oldest, Day(None, f"{oldest.day}", 0, 10, 1))
        else:
            return partition
