"""Estimates what a sync would read: days, requests, rows and minutes; writes nothing.

The API has the totals of any range of days in one request. The plan of the sync is then carried out
without the API, on made-up pages with as many conversations as the totals say.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, median
from typing import Any, TypeVar

from chatislav_source.api.client import ANALYTICS_PATH, CONVERSATIONS_PATH, ChatislavClient
from chatislav_source.config import SyncConfig
from chatislav_source.errors import WrongShapeError
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.runner.report import retention_notes
from chatislav_source.runner.upkeep.rehearsal import Totals, pages_of, parts_of, totals_in
from chatislav_source.streams.analytics.day import DayRequest, StoredDays
from chatislav_source.streams.analytics.plan import FIRST_ZONE, analytics_partition
from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.conversations.plan import conversations_partition, read_from
from chatislav_source.streams.conversations.state import windows_left
from chatislav_source.streams.date_window import DateWindow

MOST_REQUESTS = 30  # for the estimate
MOST_PARTS = 6  # of a bot's days, so that a bot that grows is estimated well
PAGES = 4  # that are read to measure their time
PAGE_SIZE = 100
# What a sync takes on a machine that is not busy, fitted to docs/benchmarks.md.
SETTING_UP_SECONDS = 3.0  # imports, connections, and the last load
DAY_SECONDS = 0.005  # of a request for analytics
ROW_SECONDS = 8e-6  # of a conversation or message, from JSON to the warehouse

T = TypeVar("T")


@dataclass(frozen=True)
class BotEstimate:
    """One bot: days to read, both included (`last_day` None: until now), and what they have."""

    bot_id: int
    first_day: str | None
    last_day: str | None
    conversations: int
    messages: int
    analytics_days: int
    analytics_periods: int
    requests: int


@dataclass(frozen=True)
class Estimate:
    """All bots; `asked` requests were sent for it. `notes` say what `retention_days` decided."""

    bots: list[BotEstimate]
    requests: int
    rows: int
    minutes: float
    asked: int
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The estimate as JSON values."""
        return {"estimate": asdict(self)}


@dataclass(frozen=True)
class Known:
    """What the warehouse has: the stored states by stream and bot, and the days of analytics."""

    states: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    days: Mapping[int, StoredDays] = field(default_factory=dict)

    def state(self, stream: str, bot_id: int) -> Any:
        """The stored state of a bot; None if there is none."""
        return self.states.get(stream, {}).get(bot_id)


class Estimator:
    """Sends the requests of an estimate, one after the other, and measures their time."""

    def __init__(self, client: ChatislavClient, config: SyncConfig) -> None:
        self._client = client
        self._config = config
        self._seconds: dict[str, list[float]] = {ANALYTICS_PATH: [], CONVERSATIONS_PATH: []}

    @property
    def asked(self) -> int:
        """The requests that were sent."""
        return sum(len(each) for each in self._seconds.values())

    def seconds_of(self, path: str) -> float:
        """The usual time of a request to an endpoint."""
        measured = self._seconds[path] or [each for some in self._seconds.values() for each in some]
        return median(measured) if measured else 0.0

    def totals(self, bot_id: int, window: DateWindow) -> Totals:
        """The totals of a range of days.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        query = {
            **DayRequest(bot_id, window.first_day, "all", FIRST_ZONE, is_final=False).query(),
            "to": str(window.last_day),
        }
        return self._timed(ANALYTICS_PATH, query, parsed_totals)

    def page(self, bot_id: int, window: DateWindow) -> None:
        """Read a full page of a range of days, to measure its time."""
        self._timed(
            CONVERSATIONS_PATH, PageRequest(bot_id, window, None, PAGE_SIZE).query(), lambda _: None
        )

    def _timed(self, path: str, query: dict[str, Any], parse: Callable[[bytes], T]) -> T:
        began = time.monotonic()
        value = self._client.post(path, query, f"bot {query['bot_id']}", parse).value
        self._seconds[path].append(time.monotonic() - began)
        return value


def parsed_totals(body: bytes) -> Totals:
    """The numbers of conversations and messages in the totals of a range.

    Raises:
        ValueError: the body is not JSON.
        WrongShapeError: it has no such numbers.
    """
    value, _ = decode(body)
    try:
        numbers = value["analytics"]["conversations"]
        return float(numbers["total"]), float(numbers["totalMessages"])
    except (KeyError, TypeError, ValueError):
        raise WrongShapeError("there are no totals of conversations") from None


def estimate(
    client: ChatislavClient, config: SyncConfig, streams: Sequence[str], known: Known
) -> Estimate:
    """What a sync or backfill with `config` would read; sends at most `MOST_REQUESTS` requests.

    Raises:
        ChatislavError: as `ChatislavClient.post` says.
    """
    ask = Estimator(client, config)
    plans = {
        bot_id: conversations_partition(
            known.state(CONVERSATIONS.name, bot_id), bot_id, config, lambda _: True
        )
        for bot_id in config.bot_ids
    }
    totals = {
        bot_id: analytics_requests(bot_id, config, known)
        if ANALYTICS.name in streams
        else Counter()
        for bot_id in config.bot_ids
    }
    found = {}
    read = {bot_id: plan for bot_id, plan in plans.items() if not plan.done}
    if CONVERSATIONS.name in streams and read:
        found = densities(ask, config, read)
    else:  # to measure its time
        ask.totals(config.bot_ids[0], DateWindow(config.now.date(), config.now.date()))
    bots = [_of_bot(plans[bot_id], totals[bot_id], found, config) for bot_id in config.bot_ids]
    of_analytics = sum(each.total() for each in totals.values())
    pages = sum(bot.requests for bot in bots) - of_analytics
    rows = sum(bot.conversations + bot.messages for bot in bots) + of_analytics
    of_api = pages * ask.seconds_of(CONVERSATIONS_PATH)
    of_api += of_analytics * ask.seconds_of(ANALYTICS_PATH)
    here = of_analytics * DAY_SECONDS + rows * ROW_SECONDS
    requests = pages + of_analytics + 1  # the first one only checks the key
    seconds = max(of_api / config.max_concurrency, here)
    if config.requests_per_second:
        seconds = max(seconds, requests / config.requests_per_second)
    minutes = round((SETTING_UP_SECONDS + seconds) / 60, 2)
    notes = retention_notes(config) if CONVERSATIONS.name in streams else []
    return Estimate(bots, requests, rows, minutes, ask.asked, notes)


def analytics_requests(bot_id: int, config: SyncConfig, known: Known) -> Counter[str]:
    """The number of requests for analytics, by table."""
    state = known.state(ANALYTICS.name, bot_id)
    partition = analytics_partition(state, bot_id, config, known.days.get(bot_id, StoredDays()))
    return Counter(request.table.name for request in iter(partition.next_request, None) if request)


def densities(
    ask: Estimator, config: SyncConfig, plans: Mapping[int, ConversationsPartition]
) -> dict[int, dict[DateWindow, Totals]]:
    """By bot and range of days, totals per day; those of bots beyond the limit are means."""
    sampled = list(plans)[: MOST_REQUESTS - PAGES]
    parts_each = min(MOST_PARTS, (MOST_REQUESTS - PAGES) // len(sampled))
    found: dict[int, dict[DateWindow, Totals]] = {}
    for bot_id in sampled:
        window = days_of_plan(plans[bot_id], config)
        found[bot_id] = {
            part: tuple(number / part.days for number in ask.totals(bot_id, part))  # type: ignore[misc]
            for part in parts_of(window, parts_each)
        }
    largest = max(found, key=lambda bot_id: sum(total for total, _ in found[bot_id].values()))
    for part in list(found[largest])[-PAGES:]:
        ask.page(largest, part)
    usual = [each for parts in found.values() for each in parts.values()]
    for bot_id in list(plans)[len(sampled) :]:
        window = days_of_plan(plans[bot_id], config)
        found[bot_id] = {window: (mean(a for a, _ in usual), mean(b for _, b in usual))}
    return found


def days_of_plan(plan: ConversationsPartition, config: SyncConfig) -> DateWindow:
    """All days that a sync or backfill reads, until today."""
    left = windows_left(plan.state["backfill" if config.is_backfill else "progress"])
    today = config.now.date()
    if config.end_date:
        first_day = max(config.start_date, read_from(plan.state, config))
        return DateWindow(first_day, min(config.end_date, today))
    return DateWindow(min(min(window.first_day for window in left), today), today)


def _of_bot(
    plan: ConversationsPartition,
    totals: Counter[str],
    found: Mapping[int, Mapping[DateWindow, Totals]],
    config: SyncConfig,
) -> BotEstimate:
    days, periods = totals[ANALYTICS.name], totals[ANALYTICS_PERIODS.name]
    if plan.bot_id not in found:
        return BotEstimate(plan.bot_id, None, None, 0, 0, days, periods, days + periods)
    density, today = found[plan.bot_id], config.now.date()
    window = days_of_plan(plan, config)
    conversations, messages = totals_in(window, density, today)
    pages = pages_of(plan, lambda each: totals_in(each, density, today)[0], config.max_concurrency)
    last_day = str(window.last_day) if config.is_backfill else None
    return BotEstimate(
        plan.bot_id,
        str(window.first_day),
        last_day,
        round(conversations),
        round(messages),
        days,
        periods,
        pages + days + periods,
    )
