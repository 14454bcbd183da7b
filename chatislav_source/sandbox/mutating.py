"""Random changes of a world, as they happen while somebody reads it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from .records import Row

if TYPE_CHECKING:
    from .world import World

TRIES = 20  # to find a conversation that still has a message


def mutate(world: World, kind: str, random: Random, bot_id: int) -> str | None:
    """Change a random conversation of one bot; give its session id, None if none was fit.

    Raises:
        KeyError: no such bot, or no such kind.
    """
    if kind == "new_conversation":
        return world.add_conversation(bot_id, sessionId=_session_id(random))
    change = CHANGES[kind]
    ordered = world.bots[bot_id].ordered("activity")
    for _ in range(TRIES if ordered else 0):
        record = random.choice(ordered)
        if record.messages or kind != "remove_message":
            change(world, random, bot_id, record.session_id)
            return record.session_id
    return None


def _session_id(random: Random) -> str:
    name = f"{random.getrandbits(128):032x}"
    return f"{name[:8]}-{name[8:12]}-4{name[13:16]}-b{name[17:20]}-{name[20:]}"


def _new_message(world: World, random: Random, bot_id: int, session_id: str) -> None:
    role = random.choice(("user", "assistant"))
    world.add_message(
        bot_id, session_id, f"Još jedno pitanje, broj {random.randrange(10**6)}", role
    )


def _other_resolution(world: World, bot_id: int, session_id: str) -> Row:
    status = world.bots[bot_id].records[session_id].resolution
    return {"resolutionStatus": "unresolved" if status == "resolved" else "resolved"}


def _resolution(world: World, _: Random, bot_id: int, session_id: str) -> None:
    world.change(bot_id, session_id, **_other_resolution(world, bot_id, session_id))


def _resolution_touch(world: World, _: Random, bot_id: int, session_id: str) -> None:
    world.change(bot_id, session_id, touch=True, **_other_resolution(world, bot_id, session_id))


def _rating(world: World, random: Random, bot_id: int, session_id: str) -> None:
    comment = random.choice((None, "Hvala!", "Није ми помогло."))
    world.change(bot_id, session_id, helpful=random.choice((1, 0)), feedbackComment=comment)


def _summary(world: World, random: Random, bot_id: int, session_id: str) -> None:
    sentiment = random.choice(("positive", "neutral", "negative"))
    summary = {"sentiment": sentiment, "resolution_status": "resolved"}
    world.change(bot_id, session_id, summary=summary)


def _remove_message(world: World, random: Random, bot_id: int, session_id: str) -> None:
    count = world.bots[bot_id].records[session_id].messages
    world.remove_message(bot_id, session_id, random.randrange(count))


def _remove_conversation(world: World, _: Random, bot_id: int, session_id: str) -> None:
    world.remove_conversation(bot_id, session_id)


CHANGES: dict[str, Callable[[World, Random, int, str], None]] = {
    "new_message": _new_message,
    "resolution": _resolution,
    "resolution_touch": _resolution_touch,
    "rating": _rating,
    "summary": _summary,
    "remove_message": _remove_message,
    "remove_conversation": _remove_conversation,
}

MUTATIONS = ("new_conversation", *CHANGES)
