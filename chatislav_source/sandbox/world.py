"""What the sandbox API knows: bots and their conversations, and every way they can change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from threading import RLock
from typing import Any

from . import generating
from .bots import Bot
from .mutating import mutate
from .records import GUARDRAIL, Record, Row, as_utc, record_of, to_microseconds
from .rendering import TRUTH, Shape, render_record

MAX_CACHED_BYTES = (
    512 * 1024 * 1024
)  # rendered conversations; more only when all are rendered ahead

Clock = Callable[[], datetime]


class World:
    """Bots and conversations behind the sandbox API; every method is thread-safe.

    Rows go in and out as the API's JSON objects, with datetimes for `createdAt` and `lastActivity`:
    a naive one given is taken as UTC, those given back are aware UTC.
    """

    def __init__(self, now: datetime | Clock | None = None) -> None:
        self.lock = RLock()
        self.bots: dict[int, Bot] = {}
        self.microseconds = False
        self.clock_offset: Callable[[], float] = lambda: 0.0
        self._now: Clock = _real_clock
        self._cached_bytes = 0
        if now is not None:
            self.now = now

    @classmethod
    def generate(
        cls,
        bot_ids: Sequence[int] = (101, 102, 103),
        conversations: int = 200,
        days: int = 60,
        last_day: date = date(2026, 6, 30),
        seed: int = 1,
        messages: int | None = None,
        now: datetime | Clock | None = None,
        microseconds: bool = False,
    ) -> World:
        """Make `conversations` per bot, over the `days` UTC days that end with `last_day`.

        Of several bots the last is a voice bot. `messages` None gives 0 to 40 each, mostly 2 to 12.
        Dates are whole seconds unless `microseconds`. Nothing lies after the clock's present if
        `last_day` is today.
        """
        world = cls(now)
        world.microseconds = microseconds
        start = datetime.combine(last_day - timedelta(days=days - 1), time(), UTC)
        end = start + timedelta(days=days)
        if last_day == world.now().date():
            end = max(world.now(), start + timedelta(minutes=1))
        bounds = to_microseconds(start), to_microseconds(end)
        plan = generating.Plan(*bounds, conversations, messages, microseconds)
        for place, bot_id in enumerate(bot_ids):
            is_voice = place > 0 and place == len(bot_ids) - 1
            world._generate_bot(Bot(bot_id, is_voice), plan, seed)
        return world

    def _generate_bot(self, bot: Bot, plan: generating.Plan, seed: int) -> None:
        random = Random(f"{seed}/{bot.id}")  # noqa: S311 - made-up data, the same for the same seed
        bot.records = {r.session_id: r for r in generating.records(plan, random)}
        self.bots[bot.id] = bot

    @property
    def now(self) -> Clock:
        """The sandbox's clock; set it to a function, or to an instant at which it then stands."""
        return self._now

    @now.setter
    def now(self, now: datetime | Clock) -> None:
        if isinstance(now, datetime):
            instant = as_utc(now)
            self._now = lambda: instant
        else:
            self._now = now

    def server_time(self) -> datetime:
        """The date given to what changes now: the clock plus its offset, in whole seconds."""
        moment = as_utc(self.now()) + timedelta(seconds=self.clock_offset())
        return moment if self.microseconds else moment.replace(microsecond=0)

    def conversations(self, bot_id: int) -> list[Row]:
        """The truth: every conversation of a bot as a copy, oldest first."""
        with self.lock:
            ordered = self.bots[bot_id].ordered("created")
            return [self._copy(record, bot_id) for record in ordered]

    def conversation(self, bot_id: int, session_id: str) -> Row:
        """The truth about one conversation, as a copy.

        Raises:
            KeyError: there is no such bot or conversation.
        """
        with self.lock:
            return self._copy(self.bots[bot_id].records[session_id], bot_id)

    def truth_json(self, bot_id: int) -> bytes:
        """All conversations of a bot as a JSON list, dates in UTC with Z.

        Raises:
            KeyError: there is no such bot.
        """
        with self.lock:
            ordered = self.bots[bot_id].ordered("created")
            rows = [render_record(record, bot_id, TRUTH) for record in ordered]
        return b"[" + b",".join(rows) + b"]"

    def put(self, bot_id: int, conversation: Row, guardrail_flagged: bool = False) -> None:
        """Insert a conversation as it is, or replace the one with its `sessionId`.

        Anything JSON can hold is served as given, lone surrogates and huge numbers too; a bot that
        is not there yet is added.
        """
        row = deepcopy(conversation)
        for part in [row, *(row.get("messages") or [])]:
            if isinstance(part, dict):
                part.update({k: as_utc(v) for k, v in part.items() if isinstance(v, datetime)})
        with self.lock:
            now = to_microseconds(self.server_time())
            bot = self.bots.setdefault(bot_id, Bot(bot_id))
            bot.insert(record_of(row, guardrail_flagged, now))

    def add_message(
        self, bot_id: int, session_id: str, content: str = "Još nešto…", role: str = "user"
    ) -> None:
        """Append a message now, which moves `lastActivity`."""
        with self.lock:
            row = self.conversation(bot_id, session_id)
            moment = self.server_time()
            messages = list(row.get("messages") or [])
            message_id = (
                f"{session_id[:23]}-{len(messages):04x}{to_microseconds(moment) % 2**32:08x}"
            )
            added = {"id": message_id, "createdAt": moment, "role": role, "content": content}
            self._replace(bot_id, row | {"messages": [*messages, added], "lastActivity": moment})

    def add_conversation(self, bot_id: int, **fields: Any) -> str:
        """Start a conversation now, with one message; `fields` go over the made-up ones."""
        with self.lock:
            moment = self.server_time()
            row = generating.fresh_row(bot_id, moment) | fields
            self.put(bot_id, row)
            return str(row["sessionId"])

    def change(self, bot_id: int, session_id: str, touch: bool = False, **fields: Any) -> None:
        """Set fields of a conversation; `lastActivity` moves to now only with `touch`."""
        with self.lock:
            moved = {"lastActivity": self.server_time()} if touch else {}
            self._replace(bot_id, self.conversation(bot_id, session_id) | fields | moved)

    def remove_message(
        self, bot_id: int, session_id: str, index: int = -1, touch: bool = False
    ) -> None:
        """Take a message away, the last one unless `index` says which."""
        with self.lock:
            messages = self.conversation(bot_id, session_id)["messages"]
            del messages[index]
            self.change(bot_id, session_id, touch, messages=messages)

    def remove_conversation(self, bot_id: int, session_id: str) -> None:
        """Make a conversation vanish.

        Raises:
            KeyError: there is no such bot or conversation.
        """
        with self.lock:
            self.bots[bot_id].remove(session_id)

    def mutate(self, kind: str, random: Random, bot_id: int | None = None) -> str | None:
        """Change a random conversation in one of the ways of `MUTATIONS`; give its session id.

        Any bot unless `bot_id` says which; None if there was nothing to change.
        """
        with self.lock:
            chosen = random.choice(sorted(self.bots)) if bot_id is None else bot_id
            return mutate(self, kind, random, chosen)

    def rendered(self, record: Record, bot_id: int, shape: Shape, keep: bool = False) -> bytes:
        """A conversation as JSON bytes, remembered while there is room (always with `keep`)."""
        if record.body is not None and record.body_shape is shape:
            return record.body
        body = render_record(record, bot_id, shape)
        if keep or record.body is not None or self._cached_bytes < MAX_CACHED_BYTES:
            self._cached_bytes += len(body) - len(record.body or b"")
            # A copy, because orjson's bytes hold on to a buffer up to four times as large.
            record.body, record.body_shape = bytes(memoryview(body)), shape
        return body

    def _copy(self, record: Record, bot_id: int) -> Row:
        row = generating.row_of(record, bot_id)
        return row if record.row is None else deepcopy(row)

    def _replace(self, bot_id: int, row: Row) -> None:
        flags = self.bots[bot_id].records[row["sessionId"]].flags
        self.put(bot_id, row, bool(flags & GUARDRAIL))


def _real_clock() -> datetime:
    return datetime.now(UTC)
