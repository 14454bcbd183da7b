"""How many rows of settled days a load package writes.

Settled are the days that the next sync does not read. The state of a bot says how many rows of
them the tables hold, so that rows lost later are noticed. It is stored in the load package of the
last rows, before these are in the tables.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.runner.erasure.aged import start_of
from chatislav_source.streams.state import State


class SettledRows:
    """Counts the rows of settled days that a run writes, by bot.

    `load_id` is the load package being extracted; None: its rows may be changed before the load, so
    what it adds to the tables is not known.
    """

    def __init__(self) -> None:
        self.load_id: str | None = None
        self._before: dict[int, date] = {}
        self._written: set[int] = set()
        self._package: dict[int, tuple[int, int]] = {}  # conversations and messages

    def start(self, bot_id: int, before: date | None) -> None:
        """Count the rows of a bot that were created before a day (UTC); None: count none."""
        if before is not None:
            self._before[bot_id] = before

    def begin_package(self, load_id: str | None) -> None:
        """Begin a load package, which has no row yet."""
        self.load_id = load_id
        self._package = {}

    def add(self, conversations: pa.Table, messages: pa.Table) -> None:
        """Count rows of the load package."""
        for bot_id in map(int, pc.unique(conversations["bot_id"]).to_pylist()):
            before = self._before.get(bot_id)
            if before is None:
                continue
            earlier = self._package.get(bot_id, (0, 0))
            added = (_count(conversations, bot_id, before), _count(messages, bot_id, before))
            self._package[bot_id] = (earlier[0] + added[0], earlier[1] + added[1])
            if any(added):
                self._written.add(bot_id)

    def is_written(self, bot_id: int) -> bool:
        """Whether the run has written rows of settled days of this bot."""
        return bot_id in self._written

    def is_in_package(self, bot_id: int) -> bool:
        """Whether the load package may change the number of such rows in the tables."""
        if bot_id not in self._package:
            return False
        return self.load_id is None or any(self._package[bot_id])

    def of_package(self, bot_id: int, before: date) -> State:
        """What tables without such rows hold after the load, as the state has it."""
        conversations, messages = self._package.get(bot_id, (0, 0))
        return {
            "before": str(before),
            "conversations": conversations,
            "messages": messages,
            "last_load": self.load_id if conversations else None,
        }


def _count(rows: pa.Table, bot_id: int, before: date) -> int:
    """The rows of a bot that were created before a day (UTC)."""
    start = pa.scalar(start_of(before), rows["created_at"].type)
    is_settled = pc.and_(pc.equal(rows["bot_id"], bot_id), pc.less(rows["created_at"], start))
    return int(pc.sum(is_settled).as_py() or 0)
