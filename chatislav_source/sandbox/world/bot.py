"""The conversations of one bot, indexed by session id and by date."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from operator import attrgetter
from typing import Any, Literal

from chatislav_source.sandbox.world.records import Record

DateField = Literal["created", "activity"]

MAX_CACHED_RESULTS = 512  # lists and analytics; a sync requests many pages of one window


class Bot:
    """Records by session id; an index by each date is built on its first use; not thread-safe."""

    def __init__(self, bot_id: int, is_voice: bool = False) -> None:
        self.id = bot_id
        self.is_voice = is_voice
        self.records: dict[str, Record] = {}
        self._sorted: dict[DateField, list[Record]] = {}
        self._cache: dict[Hashable, Any] = {}

    def insert(self, record: Record) -> None:
        """Add `record`, or replace the one with its session id."""
        self._forget(record.session_id)
        self.records[record.session_id] = record
        for field, ordered in self._sorted.items():
            key = _key(field)
            ordered.insert(bisect_left(ordered, key(record), key=key), record)

    def remove(self, session_id: str) -> None:
        """Remove a record.

        Raises:
            KeyError: there is no record with this session id.
        """
        if session_id not in self.records:
            raise KeyError(session_id)
        self._forget(session_id)

    def between(self, field: DateField, start: int | None, end: int | None) -> list[Record]:
        """Records from `start` (included) to `end` (excluded) in microseconds, oldest first."""
        ordered = self.ordered(field)
        date = attrgetter(field)
        first = 0 if start is None else bisect_left(ordered, start, key=date)
        last = len(ordered) if end is None else bisect_left(ordered, end, key=date)
        return ordered[first:last]

    def ordered(self, field: DateField) -> list[Record]:
        """All records, oldest first; not a copy, do not modify it."""
        if field not in self._sorted:
            self._sorted[field] = sorted(self.records.values(), key=_key(field))
        return self._sorted[field]

    def cached(self, key: Hashable) -> Any:
        """The result cached under `key` since the last change; None if there is none."""
        return self._cache.get(key)

    def keep(self, key: Hashable, result: Any) -> None:
        """Cache `result` until the next change of this bot."""
        if len(self._cache) >= MAX_CACHED_RESULTS:
            self._cache.pop(next(iter(self._cache)))
        self._cache[key] = result

    def _forget(self, session_id: str) -> None:
        self._cache.clear()
        record = self.records.pop(session_id, None)
        if record is None:
            return
        for field, ordered in self._sorted.items():
            key = _key(field)
            del ordered[bisect_left(ordered, key(record), key=key)]


def _key(field: DateField) -> Any:
    return attrgetter(field, "session_id")
