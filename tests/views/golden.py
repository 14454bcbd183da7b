"""Rows for the models: fixed, with nulls, empty conversations, two scripts and odd days."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt

from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table

Row = dict[str, Any]

TIMEZONE = "Europe/Belgrade"
TEXT_BOT, VOICE_BOT = 1, 2
LONG_DAY, SHORT_DAY = date(2026, 10, 25), date(2026, 3, 29)  # of 25 and of 23 hours in Belgrade
SYNCED_AT = datetime(2026, 11, 1, tzinfo=UTC)
TEXTS = (
    "Gde je moja pošiljka?",
    "Где је моја пошиљка, љубазно молим?",
    "ПОШИЉКА није стигла 😕",
    "Where is my parcel? It's a gift, the café said „sutra”.",
    "Џабе чекам; račun 12-34",
    "ok",
    "",
    None,
)
CHANNELS = ("widget", "viber", None)
CONTACTS = (
    {"contact__phone_number": "+38160111", "contact__ip_address": "203.0.113.1"},
    {"contact__phone_number": "", "contact__ip_address": "203.0.113.2"},
    {"contact__phone_number": None, "contact__ip_address": "203.0.113.2"},
    {},
)


def conversation(session_id: str, created_at: datetime | None, **fields: Any) -> Row:
    """A conversation of the text bot, an hour long, without messages."""
    usual = {
        "bot_id": TEXT_BOT,
        "session_id": session_id,
        "created_at": created_at,
        "last_activity": created_at + timedelta(hours=1) if created_at else None,
        "channel": "widget",
        "human_takeover": False,
        "message_count": 0,
        "synced_at": SYNCED_AT,
    }
    return usual | fields


def messages(of: Row, *said: tuple[str | None, float | None, str | None]) -> list[Row]:
    """The messages of a conversation: role, seconds since its start and text of each."""
    return [
        {
            "bot_id": of["bot_id"],
            "session_id": of["session_id"],
            "message_index": index,
            "id": f"{of['session_id']}-{index}",
            "created_at": None if at is None else of["created_at"] + timedelta(seconds=at),
            "role": role,
            "content": text,
            "synced_at": SYNCED_AT,
        }
        for index, (role, at, text) in enumerate(said)
    ]


def analytics_day(bot_id: int, day: date, seed: int, **fields: Any) -> Row:
    """The API's totals of a day; `seed` makes its numbers."""
    numbers = {
        column.name: seed % 7 + index
        for index, column in enumerate(ANALYTICS.columns)
        if column.data_type == "bigint" and not column.key and column.json_path
    }
    numbers["conversations__total"] += 100
    parts = {
        column.name: 0.25 * (seed % 5 + index)
        for index, column in enumerate(ANALYTICS.columns)
        if column.data_type == "double"
    }
    key = {"bot_id": bot_id, "date": day, "channel": "all", "timezone": TIMEZONE}
    rest = {"is_voice_bot": bot_id == VOICE_BOT, "is_final": True, "synced_at": SYNCED_AT}
    return {**numbers, **parts, **key, **rest, **fields}


def tables() -> dict[str, list[Row]]:
    """The rows of every table."""
    told = [*_odd(), *_usual()]
    days = [date(2026, 10, 20) + timedelta(days=n) for n in range(8)]
    totals = [analytics_day(bot, day, day.day) for bot in (TEXT_BOT, VOICE_BOT) for day in days]
    totals.append(analytics_day(TEXT_BOT, days[0], 3, timezone="UTC"))
    totals.append(analytics_day(TEXT_BOT, days[0], 4, channel="viber"))
    empty_day = {"conversations__total": 0, "usage__total_credits": 0.0}
    totals.append(analytics_day(TEXT_BOT, date(2026, 10, 28), 1, is_final=False, **empty_day))
    return {
        CONVERSATIONS.name: [row for row, _ in told],
        MESSAGES.name: [row for _, rows in told for row in rows],
        ANALYTICS.name: totals,
    }


def _odd() -> Iterator[tuple[Row, list[Row]]]:
    """Conversations that are unusual in one way each."""
    noon = datetime(2026, 10, 20, 10, tzinfo=UTC)
    yield conversation("empty", noon), []
    yield conversation("unknown count", noon, message_count=None, human_takeover=None), []
    yield conversation("no start", None, last_activity=None), []
    greeted = conversation("greeted", noon, message_count=4)
    said = [("assistant", 0, "Dobar dan!"), ("user", 60, "Pošiljka?"), ("assistant", 97.5, "Da")]
    yield greeted, messages(greeted, *said, ("operator", 157, "Ja sam Ana"))
    backwards = conversation("backwards", noon, message_count=2)
    yield backwards, messages(backwards, ("assistant", 30, "Da"), ("user", 0, "Pošiljka?"))
    timeless = conversation("timeless", noon, message_count=3)
    yield timeless, messages(timeless, ("user", None, "A"), (None, 5, "B"), ("user", 3, None))
    for session, hour in (("first 2 am", 0), ("second 2 am", 1)):
        yield conversation(session, datetime(2026, 10, 25, hour, 30, tzinfo=UTC)), []
    yield conversation("after the gap", datetime(2026, 3, 29, 1, 15, tzinfo=UTC)), []
    yield conversation("next day there", datetime(2026, 10, 22, 22, 5, tzinfo=UTC)), []
    spoken = conversation("spoken", noon, bot_id=VOICE_BOT, channel="voice", **CONTACTS[0])
    yield spoken, []


def _usual() -> Iterator[tuple[Row, list[Row]]]:
    """Conversations with everything, by chance but always the same."""
    chance = random.Random(22)  # noqa: S311 - test data
    for number in range(60):
        at = datetime(2026, 9, 28, tzinfo=UTC) + timedelta(minutes=chance.randrange(30 * 1440))
        count = chance.randrange(6)
        row = conversation(
            f"s{number:02}",
            at,
            last_activity=at + timedelta(seconds=chance.randrange(9000)),
            channel=chance.choice(CHANNELS),
            human_takeover=chance.random() < 0.2,
            resolution_status=chance.choice(("resolved", "unresolved", None)),
            summary__sentiment=chance.choice(("positive", "neutral", "negative", None)),
            helpful=chance.choice((1, 0, None)),
            message_count=count,
            **chance.choice(CONTACTS),
        )
        roles = [chance.choice(("user", "user", "assistant", "operator")) for _ in range(count)]
        times = sorted(chance.randrange(0, 900) for _ in range(count))
        texts = [chance.choice(TEXTS) for _ in range(count)]
        yield row, messages(row, *zip(roles, times, texts, strict=True))


def load(pipeline: dlt.Pipeline, rows: dict[str, list[Row]]) -> None:
    """Load the rows into tables as a sync makes them."""
    for table in (CONVERSATIONS, MESSAGES, ANALYTICS):
        if table.name in rows:
            complete = [dict.fromkeys(names(table)) | row for row in rows[table.name]]
            hints = [{"name": c.name, "data_type": c.data_type} for c in table.columns[:-1]]
            pipeline.run(complete, table_name=table.name, columns=hints)


def names(table: Table) -> list[str]:
    """The columns that dlt does not fill in by itself."""
    return [c.name for c in table.columns if not c.name.startswith("_")]
