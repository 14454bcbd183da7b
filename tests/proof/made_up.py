"""Made-up conversations, and totals of an API that counts them in a given way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from chatislav_source.proof.counts import Bucket, DayCounts
from chatislav_source.proof.definitions import COUNTS
from chatislav_source.proof.reconciliation import Comparison, DayTotals, compared, verdicts
from chatislav_source.proof.verdict import Verdict

BOT = 7
FIRST_DAY = date(2026, 3, 10)  # clocks change on March 29 in Europe
DAYS = 40
NOW = datetime(2026, 4, 25, 12, tzinfo=UTC)
VALUES = {
    "conversations": "conversations__total",
    "messages": "conversations__total_messages",
    "user_messages": "conversations__user_messages",
    "assistant_messages": "conversations__assistant_messages",
    "takeovers": "conversations__human_takeovers",
    "comments": "conversations__feedback_comments",
    "unresolved": "resolutions__unresolved",
    "unclear": "resolutions__unclear",
}


@dataclass(frozen=True)
class Chat:
    """A conversation; `sent` are the instants of its messages, in turn of user and assistant."""

    created: datetime
    sent: tuple[datetime, ...]
    channel: str
    status: str | None
    summary: str | None
    takeover: bool
    commented: bool
    flagged: bool | None = None

    @property
    def activity(self) -> datetime:
        """The last message."""
        return self.sent[-1]


@dataclass(frozen=True)
class Way:
    """How the API counts."""

    basis: str = "created"
    zone: str = "UTC"
    messages: str = "of_conversations"
    vocabulary: str = "own"


def chats(random: Random, per_day: int, days: int = DAYS) -> list[Chat]:
    """Conversations of all hours, one in four of which goes on for hours or days."""
    found = []
    for _ in range(per_day * days):
        created = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
        created += timedelta(seconds=random.randrange(days * 86_400))
        gap = timedelta(minutes=random.choice((1, 2, 3, 700)))
        sent = tuple(created + gap * n for n in range(random.randint(1, 6)))
        status = random.choice(("resolved", "resolved", "unresolved", None))
        summary = random.choice((status, status, None))
        channel = random.choice(("widget", "viber"))
        rare, comment = random.random() < 0.05, random.random() < 0.1
        found.append(Chat(created, sent, channel, status, summary, rare, comment))
    return found


def totals(held: Sequence[Chat], way: Way, asked: str, final: int = DAYS) -> list[DayTotals]:
    """What an API counts, asked for each day in zone `asked`; the first `final` are final."""
    zone = ZoneInfo(way.zone)
    by_day: dict[date, Counter[str]] = {}
    for chat in held:
        instant = chat.created if way.basis == "created" else chat.activity
        counted = by_day.setdefault(instant.astimezone(zone).date(), Counter())
        status = chat.status if way.vocabulary == "own" else chat.summary
        counted.update(
            conversations=1,
            takeovers=int(chat.takeover),
            comments=int(chat.commented),
            **{status if status in ("resolved", "unresolved") else "unclear": 1},
        )
        for place, sent in enumerate(chat.sent):
            day = counted
            if way.messages == "sent":
                day = by_day.setdefault(sent.astimezone(zone).date(), Counter())
            day.update(messages=1)
            day["assistant_messages" if place % 2 else "user_messages"] += 1
    return [_totals(by_day, FIRST_DAY + timedelta(days=n), asked, n < final) for n in range(DAYS)]


def _totals(by_day: dict[date, Counter[str]], day: date, asked: str, is_final: bool) -> DayTotals:
    counted = by_day.get(day, Counter())
    values: dict[str, float | None] = {VALUES[name]: float(counted[name]) for name in VALUES}
    values |= {"resolutions__confirmed": 0.0, "resolutions__assumed": float(counted["resolved"])}
    return DayTotals(day, "all", asked, is_final, values)


def buckets(held: Iterable[Chat]) -> list[Bucket]:
    """What the query would find in tables that hold these conversations."""
    found: list[Bucket] = []
    for chat in held:
        values = dict.fromkeys(COUNTS, 0) | {
            "conversations": 1,
            "takeovers": int(chat.takeover),
            "comments": int(chat.commented),
            "flagged": int(chat.flagged is True),
            "not_asked": int(chat.flagged is None),
            "messages": len(chat.sent),
            "user_messages": (len(chat.sent) + 1) // 2,
            "assistant_messages": len(chat.sent) // 2,
        }
        for prefix, status in (("", chat.status), ("summary_", chat.summary)):
            name = status if status in ("resolved", "unresolved") else "unclear"
            values[prefix + name] = 1
        whole: tuple[Any, ...] = ("created", chat.created), ("activity", chat.activity)
        for basis, instant in whole:
            found.append(_bucket(basis, instant, chat.channel, values))
        for place, sent in enumerate(chat.sent):
            role = "assistant_messages" if place % 2 else "user_messages"
            one = dict.fromkeys(COUNTS, 0) | {"messages": 1, role: 1}
            found.append(_bucket("sent", sent, chat.channel, one))
    return found


def _bucket(basis: Any, instant: datetime, channel: str, values: dict[str, int]) -> Bucket:
    quarter = int(instant.timestamp()) // 900
    return Bucket(BOT, basis, quarter, channel, tuple(values[name] for name in COUNTS))


def verify(
    days: Sequence[DayTotals], held: Iterable[Chat], zone: str, known: dict[str, str] | None = None
) -> tuple[dict[str, Verdict], list[Comparison]]:
    """The verdicts and rows, as `verify_tables` finds them."""
    zones = list(dict.fromkeys(["UTC", zone]))
    counts = DayCounts(buckets(held), zones)
    found = verdicts(days, counts, zones, known or {})
    return found, compared(BOT, days, counts, found, NOW)


def restated(days: Sequence[DayTotals], day: date, more: int) -> list[DayTotals]:
    """The totals, of which one day was restated."""
    name = VALUES["conversations"]
    return [
        replace(each, values={**each.values, name: (each.values[name] or 0) + more})
        if each.day == day
        else each
        for each in days
    ]
