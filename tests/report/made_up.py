"""Rows for a report: six weeks of two bots, a hostile name, a channel and a day of few people."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES
from tests.views import golden

FIRST, LAST = date(2026, 10, 1), date(2026, 11, 14)
TODAY = LAST + timedelta(days=1)
HOSTILE = "</script><img src=x onerror=alert(1)>"
TINY = "channel of three"
SECRET = "tajnarečenica"  # written by one person only
CHANNELS = ("widget", "widget", "widget", "widget", HOSTILE, HOSTILE, "viber")


def tables() -> dict[str, list[golden.Row]]:
    """The rows of every table."""
    chance = random.Random(6)  # noqa: S311 - test data
    told = [_conversation(chance, number) for number in range(540)]
    told += [_told(f"tiny{n}", TINY, f"+3816900{n}", n, chance) for n in range(3)]
    told += [_told(f"late{n}", "widget", f"+3816800{n}", 44, chance) for n in range(2)]
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    totals = [golden.analytics_day(1, day, day.day) for day in days]
    return {
        CONVERSATIONS.name: [row for row, _ in told],
        MESSAGES.name: [row for _, rows in told for row in rows],
        ANALYTICS.name: totals,
    }


def _conversation(chance: random.Random, number: int) -> tuple[golden.Row, list[golden.Row]]:
    phone = f"+38160{chance.randrange(200):04}"
    day = chance.randrange((LAST - FIRST).days)
    return _told(f"session{number}", chance.choice(CHANNELS), phone, day, chance)


def _told(
    session: str, channel: str, phone: str, day: int, chance: random.Random
) -> tuple[golden.Row, list[golden.Row]]:
    at = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=day)
    at += timedelta(minutes=chance.randrange(22 * 60))  # the same day in Belgrade
    row = golden.conversation(
        session,
        at,
        bot_id=1 + chance.randrange(2),
        channel=channel,
        contact__phone_number=phone,
        message_count=2,
        human_takeover=chance.random() < 0.2,
        resolution_status=chance.choice(("resolved", "resolved", "unresolved", None)),
        summary__sentiment=chance.choice(("positive", "neutral", "negative", None)),
        helpful=chance.choice((1, 1, 0, None)),
    )
    word = SECRET if session == "session0" else "račun" if day > 24 else "paket"
    said: list[Any] = [("user", 0, f"{word} {session}"), ("assistant", chance.randrange(90), "Da")]
    return row, golden.messages(row, *said)
