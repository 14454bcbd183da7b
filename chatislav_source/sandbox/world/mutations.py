"""Random changes of one conversation, as they occur while a client reads. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random

from chatislav_source.sandbox.world.records import GUARDRAIL, Record, Row, to_microseconds

MAX_TRIES = 20  # to find a conversation that a change can apply to

Mutation = Callable[[Row, Random, datetime], Row]


def choose_record(kind: str, ordered: Sequence[Record], random: Random) -> Record | None:
    """A random record that a change of this kind can apply to; None if none was found."""
    for _ in range(MAX_TRIES if ordered else 0):
        record = random.choice(ordered)
        if _applies(kind, record):
            return record
    return None


def _applies(kind: str, record: Record) -> bool:
    if kind == "guardrail":
        return not record.flags & GUARDRAIL
    return bool(record.messages) or kind != "remove_message"


def random_session_id(random: Random) -> str:
    """A session id in the form of a version 4 UUID."""
    name = f"{random.getrandbits(128):032x}"
    return f"{name[:8]}-{name[8:12]}-4{name[13:16]}-b{name[17:20]}-{name[20:]}"


def with_message(row: Row, moment: datetime, content: str, role: str) -> Row:
    """The conversation with one more message, and `moment` as its last activity."""
    messages = list(row.get("messages") or [])
    number = to_microseconds(moment) % 2**32
    message_id = f"{row['sessionId'][:23]}-{len(messages):04x}{number:08x}"
    added = {"id": message_id, "createdAt": moment, "role": role, "content": content}
    return row | {"messages": [*messages, added], "lastActivity": moment}


def without_message(row: Row, index: int) -> Row:
    """The conversation without the message at `index`.

    Raises:
        IndexError: there is no such message.
    """
    messages = list(row["messages"])
    del messages[index]
    return row | {"messages": messages}


def _new_message(row: Row, random: Random, moment: datetime) -> Row:
    role = random.choice(("user", "assistant"))
    return with_message(row, moment, f"Još jedno pitanje, broj {random.randrange(10**6)}", role)


def _resolution(row: Row, _: Random, __: datetime) -> Row:
    resolved = row.get("resolutionStatus") == "resolved"
    return row | {"resolutionStatus": "unresolved" if resolved else "resolved"}


def _resolution_touch(row: Row, random: Random, moment: datetime) -> Row:
    return _resolution(row, random, moment) | {"lastActivity": moment}


def _rating(row: Row, random: Random, _: datetime) -> Row:
    comment = random.choice((None, "Hvala!", "Није ми помогло."))
    return row | {"helpful": random.choice((1, 0)), "feedbackComment": comment}


def _summary(row: Row, random: Random, _: datetime) -> Row:
    sentiment = random.choice(("positive", "neutral", "negative"))
    return row | {"summary": {"sentiment": sentiment, "resolution_status": "resolved"}}


def _remove_message(row: Row, random: Random, _: datetime) -> Row:
    return without_message(row, random.randrange(len(row["messages"])))


MUTATIONS: dict[str, Mutation] = {
    "new_message": _new_message,
    "resolution": _resolution,
    "resolution_touch": _resolution_touch,
    "rating": _rating,
    "summary": _summary,
    "remove_message": _remove_message,
}
"""Changes of an existing conversation: functions of row, random source and current time."""

MUTATION_KINDS = ("new_conversation", *MUTATIONS, "guardrail", "remove_conversation")
