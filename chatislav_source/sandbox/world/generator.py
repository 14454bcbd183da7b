"""Generates conversations: records in advance, the row of a record on demand.

A row is a function of its record, so a million conversations take a few hundred bytes each.
Bits of the record's 64-bit `seed` determine each value; comments state the frequencies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import uuid4

from chatislav_source.sandbox.world import phrases
from chatislav_source.sandbox.world.records import (
    COMMENTED,
    EPOCH,
    GUARDRAIL,
    LEAD_COLLECTED,
    RATED_HELPFUL,
    SECOND,
    STARTER_QUESTION,
    TOOL_ASSISTED,
    Record,
    Row,
)

MASK = (1 << 64) - 1
HELPFUL: tuple[int | None, ...] = (*(None,) * 20, *(1,) * 8, *(0,) * 4)  # 32 places
RESOLUTIONS: tuple[str | None, ...] = (*("resolved",) * 10, *("unresolved",) * 5, None)
ROLES = ("user", "assistant")
SENTIMENTS = ("positive", "neutral", "negative", "neutral")


@dataclass(frozen=True)
class Plan:
    """The number of conversations to generate from `start` to `end` (microseconds, excluded).

    `messages` is the number in each conversation; None: 0 to 40, mostly 2 to 12.
    """

    start: int
    end: int
    conversations: int
    messages: int | None
    microseconds: bool


def generate_records(plan: Plan, random: Random) -> Iterator[Record]:
    """Generate the records of one bot, in no order of time."""
    contacts = max(1, plan.conversations * 7 // 10)
    getrandbits, uniform = random.getrandbits, random.random
    grain = 1 if plan.microseconds else SECOND
    for _ in range(plan.conversations):
        seed, name = getrandbits(64), f"{getrandbits(128):032x}"
        count = phrases.MESSAGE_COUNTS[seed & 255] if plan.messages is None else plan.messages
        duration = min(_duration(seed, count), plan.end - plan.start - grain)
        created = plan.start + int((plan.end - plan.start - duration) * uniform()) // grain * grain
        takeover = not seed >> 22 & 31  # one in 32
        users, agents = (count + 1) // 2, count // 2
        yield Record(
            f"{name[:8]}-{name[8:12]}-4{name[13:16]}-a{name[17:20]}-{name[20:]}",
            created,
            created + duration,
            phrases.CHANNELS[seed >> 12 & 63],
            RESOLUTIONS[seed >> 18 & 15],
            takeover,
            _flags(seed),
            count,
            users,
            agents - 1 if takeover and agents else agents,
            seed % contacts,
            seed,
        )


def _gap(seed: int) -> int:
    """Microseconds between two messages: 5 to 132 seconds."""
    return (5 + (seed >> 54) // 8) * SECOND


def _duration(seed: int, count: int) -> int:
    if count < 2:
        return 0
    late = seed >> 46 & 15  # one in 16 continues up to 5 days later
    return (count - 1) * _gap(seed) + (0 if late else (seed >> 4) % (5 * 86_400) * SECOND)


def _flags(seed: int) -> int:
    helpful = HELPFUL[seed >> 32 & 31]
    return (
        (0 if seed >> 27 & 31 else GUARDRAIL)
        | (COMMENTED if helpful is not None and not seed >> 37 & 3 else 0)
        | (0 if seed >> 50 & 3 else TOOL_ASSISTED)
        | (0 if seed >> 52 & 3 else STARTER_QUESTION)
        | (0 if seed >> 43 & 7 else LEAD_COLLECTED)
        | (RATED_HELPFUL if helpful == 1 else 0)
    )


def row_of(record: Record, bot_id: int) -> Row:
    """The conversation as the API's JSON object, with aware UTC datetimes; do not modify it."""
    return generated_row(record, bot_id, EPOCH) if record.row is None else record.row


def generated_row(record: Record, bot_id: int, epoch: datetime) -> Row:
    """The row generated from the seed; its datetimes have the zone of `epoch`, if any."""
    seed = record.seed
    language = phrases.LANGUAGES[seed >> 8 & 15]
    comments = phrases.FEEDBACK_COMMENTS[language]
    return {
        "sessionId": record.session_id,
        "botId": bot_id,
        "companyId": str(bot_id),
        "createdAt": epoch + timedelta(microseconds=record.created),
        "lastActivity": epoch + timedelta(microseconds=record.activity),
        "channel": record.channel,
        "resolutionStatus": record.resolution,
        "humanTakeover": record.takeover,
        "helpful": HELPFUL[seed >> 32 & 31],
        "feedbackComment": comments[seed % len(comments)] if record.flags & COMMENTED else None,
        "summary": _summary(seed),
        "userForm": _user_form(record) if record.flags & LEAD_COLLECTED else [],
        "contact": _contact(record),
        "messages": _messages(record, language, epoch),
    }


def fresh_row(bot_id: int, moment: datetime) -> Row:
    """A conversation that starts at `moment` with one message and has no outcome yet."""
    message = {"id": str(uuid4()), "createdAt": moment, "role": "user", "content": "Dobar dan!"}
    return {
        "sessionId": str(uuid4()),
        "botId": bot_id,
        "companyId": str(bot_id),
        "createdAt": moment,
        "lastActivity": moment,
        "channel": "widget",
        "resolutionStatus": "unresolved",
        "humanTakeover": False,
        "helpful": None,
        "feedbackComment": None,
        "summary": None,
        "userForm": [],
        "contact": {"ipAddress": "203.0.113.10", "phoneNumber": None},
        "messages": [message],
    }


def _summary(seed: int) -> Row | None:
    if not seed >> 40 & 7:  # one in 8 has no summary yet
        return None
    status = RESOLUTIONS[seed >> 18 & 15] or "unclear"
    return {"sentiment": SENTIMENTS[seed >> 41 & 3], "resolution_status": status}


def _user_form(record: Record) -> list[Row]:
    name = phrases.NAMES[record.contact % len(phrases.NAMES)]
    return [
        {"label": "Ime i prezime", "value": name},
        {"label": "E-mail", "value": f"kontakt{record.contact}@example.com"},
    ]


def _contact(record: Record) -> Row:
    number = record.contact
    by_phone = record.channel in ("whatsapp", "viber", "telegram")
    return {
        "ipAddress": None if by_phone else f"203.0.{number >> 8 & 255}.{number & 255}",
        "phoneNumber": f"+38160{number % 10_000_000:07d}" if by_phone else None,
    }


def _messages(record: Record, language: str, epoch: datetime) -> list[Row]:
    phrases_by_role = (phrases.USER_PHRASES[language], phrases.AGENT_PHRASES[language])
    tail, state = record.session_id[8:28], record.seed
    last, takeover_at = record.messages - 1, _takeover_at(record)
    created = epoch + timedelta(microseconds=record.created)
    gap = timedelta(
        microseconds=min(_gap(state), (record.activity - record.created) // max(1, last))
    )
    rows = []
    for index in range(record.messages):
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        if index == last:
            created = epoch + timedelta(microseconds=record.activity)
        words = phrases_by_role[index & 1]
        text = words[(state >> 33) % len(words)].replace("#", str(state >> 44))
        rows.append(
            {
                "id": f"{state >> 32:08x}{tail}{index:08x}",
                "createdAt": created,
                "role": "operator" if index == takeover_at else ROLES[index & 1],
                # One in 64 is a long text.
                "content": text if state >> 40 & 63 else " ".join([text] * (4 + (state >> 58))),
            }
        )
        created += gap
    return rows


def _takeover_at(record: Record) -> int:
    """Index of the last reply, which an operator writes if there was a takeover; else -1."""
    return record.messages // 2 * 2 - 1 if record.takeover else -1
