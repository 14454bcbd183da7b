"""The log of requests: counters without limit, and the latest requests."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

from chatislav_source.sandbox.world.records import Row

KEY_PREFIX_LENGTH = 14  # characters, as shown in the table of keys on the vendor's profile page


@dataclass(slots=True)
class RequestRecord:
    """One request as received, and the result.

    `status` is None if there was no complete response; `started_at` is in seconds of
    the monotonic clock; `in_flight` counts the open requests when it started, itself included.
    """

    number: int
    path: str
    body: Row | None
    bot_id: int | None
    key_prefix: str | None
    in_flight: int
    started_at: float = field(default_factory=time.monotonic)
    status: int | None = None
    fault: str | None = None


class RequestLog:
    """Counts requests and stores the latest ones; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._number = 0
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Remove all counts and records; request numbers continue, so that page tokens expire."""
        with self._lock:
            self.records: deque[RequestRecord] = deque()
            self.max_in_flight = self._in_flight
            self._counts: Counter[tuple[str, int | None]] = Counter()
            self._statuses: Counter[int | None] = Counter()
            self._faults: Counter[str] = Counter()

    def start(
        self, path: str, body: Row | None, key: str | None, max_records: int
    ) -> RequestRecord:
        """Record a request that has just been read."""
        bot_id = body.get("bot_id") if body else None
        bot = bot_id if isinstance(bot_id, int) else None
        prefix = key[:KEY_PREFIX_LENGTH] if key else None
        with self._lock:
            self._number += 1
            self._in_flight += 1
            record = RequestRecord(self._number, path, body, bot, prefix, self._in_flight)
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
            self._counts[path, bot] += 1
            self.records.append(record)
            while len(self.records) > max_records:
                self.records.popleft()
        return record

    def end(self, record: RequestRecord) -> None:
        """Record that a request has ended."""
        with self._lock:
            self._in_flight -= 1
            self._statuses[record.status] += 1
            if record.fault:
                self._faults[record.fault] += 1

    def count(self, path: str | None = None, bot_id: int | None = None) -> int:
        """The number of requests so far, of one path or one bot if given."""
        with self._lock:
            return sum(
                number
                for (known_path, known_bot), number in self._counts.items()
                if path in (None, known_path) and bot_id in (None, known_bot)
            )

    def latest(self) -> list[RequestRecord]:
        """The requests that are still kept, oldest first."""
        with self._lock:
            return list(self.records)

    def summary(self, last: int) -> dict[str, Any]:
        """The counters and the `last` requests, as JSON."""
        paths: Counter[str] = Counter()
        bots: Counter[str] = Counter()
        with self._lock:
            for (path, bot), number in self._counts.items():
                paths[path] += number
                bots[str(bot)] += number
            return {
                "total": paths.total(),
                "by_path": paths,
                "by_bot": bots,
                "by_status": {str(status): n for status, n in self._statuses.items()},
                "by_fault": dict(self._faults),
                "max_in_flight": self.max_in_flight,
                "in_flight": self._in_flight,
                "last": [asdict(record) for record in list(self.records)[-last:]],
            }
