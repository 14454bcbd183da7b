"""The data of the sandbox API: bots, their conversations, and methods to change them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from threading import RLock
from typing import Any

from chatislav_source.sandbox.world import generator
from chatislav_source.sandbox.world.bot import Bot
from chatislav_source.sandbox.world.mutations import (
    MUTATION_KINDS,
    MUTATIONS,
    choose_record,
    random_session_id,
    with_message,
    without_message,
)
from chatislav_source.sandbox.world.records import (
    GUARDRAIL,
    Record,
    Row,
    as_utc,
    record_of,
    to_microseconds,
)

Clock = Callable[[], datetime]


class World:
    """Bots and conversations of the sandbox API; every method is thread-safe.

    Rows are the API's JSON objects with datetimes: naive datetimes in arguments are read as UTC,
    returned datetimes are aware UTC.
    """

    def __init__(self, now: datetime | Clock | None = None) -> None:
        self.lock = RLock()
        self.bots: dict[int, Bot] = {}
        self.microseconds = False
        self.clock_offset: Callable[[], float] = lambda: 0.0
        self._now: Clock = _real_clock
        if now is not None:
            self.now = now

    @classmethod
    def generate(
        cls,
        bot_ids: Sequence[int] = (101, 102, 103),
        conversations: int = 200,
        days: int = 60,
        last_day: date | None = None,
        seed: int = 1,
        messages: int | None = None,
        now: datetime | Clock | None = None,
        microseconds: bool = False,
    ) -> World:
        """Generate `conversations` per bot, over the `days` UTC days that end with `last_day`.

        `last_day` None is today by the clock (`now`), in UTC. If it is today, no date is in the
        future, so rows depend on the time of the call; give a past day for the same rows each time.
        Of several bots the last is a voice bot. `messages` None: 0 to 40 each, mostly 2 to 12.
        Dates are whole seconds unless `microseconds`.
        """
        world = cls(now)
        world.microseconds = microseconds
        present = as_utc(world.now())
        last_day = last_day or present.date()
        start = datetime.combine(last_day - timedelta(days=days - 1), time(), UTC)
        end = start + timedelta(days=days)
        if last_day == present.date():
            end = max(present, start + timedelta(minutes=1))
        bounds = to_microseconds(start), to_microseconds(end)
        plan = generator.Plan(*bounds, conversations, messages, microseconds)
        for place, bot_id in enumerate(bot_ids):
            is_voice = place > 0 and place == len(bot_ids) - 1
            world._generate_bot(Bot(bot_id, is_voice), plan, seed)
        return world

    def _generate_bot(self, bot: Bot, plan: generator.Plan, seed: int) -> None:
        random = Random(f"{seed}/{bot.id}")  # noqa: S311 - repeatable test data
        bot.records = {r.session_id: r for r in generator.generate_records(plan, random)}
        self.bots[bot.id] = bot

    @property
    def now(self) -> Clock:
        """The sandbox's clock; assign a function, or an instant for a constant time."""
        return self._now

    @now.setter
    def now(self, now: datetime | Clock) -> None:
        if isinstance(now, datetime):
            instant = as_utc(now)
            self._now = lambda: instant
        else:
            self._now = now

    def server_time(self) -> datetime:
        """The time of a change made now: the clock plus its offset, in whole seconds by default."""
        moment = as_utc(self.now()) + timedelta(seconds=self.clock_offset())
        return moment if self.microseconds else moment.replace(microsecond=0)

    def conversations(self, bot_id: int) -> list[Row]:
        """Every conversation of a bot as a copy, oldest first."""
        with self.lock:
            ordered = self.bots[bot_id].ordered("created")
            return [self._copy(record, bot_id) for record in ordered]

    def conversation(self, bot_id: int, session_id: str) -> Row:
        """One conversation, as a copy.

        Raises:
            KeyError: there is no such bot or conversation.
        """
        with self.lock:
            return self._copy(self.bots[bot_id].records[session_id], bot_id)

    def put(self, bot_id: int, conversation: Row, guardrail_flagged: bool = False) -> None:
        """Insert a conversation as given, or replace the one with its `sessionId`.

        Any JSON value is served as given, also lone surrogates and huge numbers. An unknown bot is
        added.
        """
        row = deepcopy(conversation)
        for part in [row, *(row.get("messages") or [])]:
            if isinstance(part, dict):
                part.update({k: as_utc(v) for k, v in part.items() if isinstance(v, datetime)})
        with self.lock:
            now = to_microseconds(self.server_time())
            bot = self.bots.setdefault(bot_id, Bot(bot_id))
            bot.insert(record_of(row, guardrail_flagged, now))

    def flag(self, bot_id: int, session_id: str) -> None:
        """Add a guardrail event to a conversation, of which nothing else changes.

        Raises:
            KeyError: there is no such bot or conversation.
        """
        with self.lock:
            bot = self.bots[bot_id]
            record = bot.records[session_id]
            record.flags |= GUARDRAIL
            bot.insert(record)  # so that no cached response is without it

    def is_flagged(self, bot_id: int, session_id: str) -> bool:
        """Whether a conversation has guardrail events.

        Raises:
            KeyError: there is no such bot or conversation.
        """
        with self.lock:
            return bool(self.bots[bot_id].records[session_id].flags & GUARDRAIL)

    def add_message(
        self, bot_id: int, session_id: str, content: str = "Još nešto…", role: str = "user"
    ) -> None:
        """Append a message now, which updates `lastActivity`."""
        with self.lock:
            row = self.conversation(bot_id, session_id)
            self._replace(bot_id, with_message(row, self.server_time(), content, role))

    def add_conversation(self, bot_id: int, **fields: Any) -> str:
        """Start a conversation now, with one message; `fields` replace the generated ones."""
        with self.lock:
            moment = self.server_time()
            row = generator.fresh_row(bot_id, moment) | fields
            self.put(bot_id, row)
            return str(row["sessionId"])

    def change(self, bot_id: int, session_id: str, touch: bool = False, **fields: Any) -> None:
        """Set fields of a conversation; only with `touch` `lastActivity` is set to now."""
        with self.lock:
            moved = {"lastActivity": self.server_time()} if touch else {}
            self._replace(bot_id, self.conversation(bot_id, session_id) | fields | moved)

    def remove_message(
        self, bot_id: int, session_id: str, index: int = -1, touch: bool = False
    ) -> None:
        """Remove the message at `index`, by default the last one."""
        with self.lock:
            messages = without_message(self.conversation(bot_id, session_id), index)["messages"]
            self.change(bot_id, session_id, touch, messages=messages)

    def remove_conversation(self, bot_id: int, session_id: str) -> None:
        """Remove a conversation.

        Raises:
            KeyError: there is no such bot or conversation.
        """
        with self.lock:
            self.bots[bot_id].remove(session_id)

    def mutate(self, kind: str, random: Random, bot_id: int | None = None) -> str | None:
        """Make a random change of a kind of `MUTATION_KINDS`; returns the changed session id.

        `bot_id` None chooses a random bot. Returns None if no conversation can be changed so.

        Raises:
            KeyError: there is no such bot or kind.
        """
        if kind not in MUTATION_KINDS:
            raise KeyError(kind)
        with self.lock:
            chosen = random.choice(sorted(self.bots)) if bot_id is None else bot_id
            if kind == "new_conversation":
                return self.add_conversation(chosen, sessionId=random_session_id(random))
            record = choose_record(kind, self.bots[chosen].ordered("activity"), random)
            if record is None:
                return None
            if kind == "remove_conversation":
                self.remove_conversation(chosen, record.session_id)
            elif kind == "guardrail":
                self.flag(chosen, record.session_id)
            else:
                row = self.conversation(chosen, record.session_id)
                self._replace(chosen, MUTATIONS[kind](row, random, self.server_time()))
            return record.session_id

    def _copy(self, record: Record, bot_id: int) -> Row:
        row = generator.row_of(record, bot_id)
        return row if record.row is None else deepcopy(row)

    def _replace(self, bot_id: int, row: Row) -> None:
        self.put(bot_id, row, self.is_flagged(bot_id, row["sessionId"]))


def _real_clock() -> datetime:
    return datetime.now(UTC)
