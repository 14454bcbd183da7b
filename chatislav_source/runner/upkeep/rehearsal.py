"""Carries out the plan of a bot's conversations without the API, to count its requests; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from itertools import count, pairwise
from typing import Any, cast

from chatislav_source.streams.conversations.observations import EPOCH, NOTHING_SEEN
from chatislav_source.streams.conversations.page import Page, PageRequest
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.date_window import DateWindow

Totals = tuple[float, float]
"""Conversations and messages."""


def parts_of(window: DateWindow, parts: int) -> list[DateWindow]:
    """Consecutive ranges of about the same length, oldest first."""
    days = window.days
    bounds = sorted({days * number // parts for number in range(parts + 1)})
    return [
        DateWindow(
            window.first_day + timedelta(days=first), window.first_day + timedelta(days=after - 1)
        )
        for first, after in pairwise(bounds)
    ]


def totals_in(window: DateWindow, density: Mapping[DateWindow, Totals], today: date) -> Totals:
    """Conversations and messages in a window, whose end is today if it has none."""
    conversations = messages = 0.0
    for part, (per_day, messages_per_day) in density.items():
        first = max(window.first_day, part.first_day)
        last = min(window.last_day or today, part.last_day or today)
        days = max(0, (last - first).days + 1)
        conversations += per_day * days
        messages += messages_per_day * days
    return conversations, messages


def pages_of(
    plan: ConversationsPartition, rows_in: Callable[[DateWindow], float], at_once: int
) -> int:
    """The requests of a partition whose windows have so many conversations."""
    in_flight: list[PageRequest] = []
    left: dict[DateWindow, int] = {}
    keys, requests = count(), 0
    while True:
        request = plan.next_request() if len(in_flight) < at_once else None
        if request:
            in_flight.append(request)
            requests += 1
        elif in_flight:
            oldest = in_flight.pop(0)
            if oldest.asks_flagged:  # few conversations have guardrail events: about one page
                plan.on_page(oldest, made_up(0, False, keys))
                continue
            rows = left.pop(oldest.window, None)
            rows = round(rows_in(oldest.window)) if rows is None else rows
            if rows > oldest.limit:
                left[oldest.window] = rows - oldest.limit
            plan.on_page(oldest, made_up(min(rows, oldest.limit), rows > oldest.limit, keys))
        else:
            return requests


def made_up(rows: int, has_more: bool, keys: count[int]) -> Page:
    """A page with so many conversations, of which nothing but the number is known."""
    return Page(
        records=cast(Any, None),  # nobody writes them
        keys=[next(keys) for _ in range(rows)],
        next_token=str(next(keys)) if has_more else None,
        has_more=has_more,
        observations=NOTHING_SEEN,
        replaced_characters=0,
        rejected=[],
        read_at=EPOCH,
        size=0,
        tries=1,
    )
