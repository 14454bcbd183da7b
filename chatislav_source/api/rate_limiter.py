"""The rate limiter that all threads of a run share; `adaptive_rate` decides, threads wait here."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from chatislav_source.api.adaptive_rate import ConcurrencyLimit

LONGEST_RETRY_AFTER_SECONDS = 300.0  # if the API asks for more, the request fails instead
LONGEST_NAP_SECONDS = 1.0  # after which a waiting thread checks again, even if not notified


class Cancelled(Exception):  # noqa: N818 - not an error: the run is over, so its threads leave
    """Raised in threads that wait for a request when the run is cancelled."""


class RetryAfterTooLong(Exception):  # noqa: N818 - a result, which the client makes an error of
    """The API asked to wait longer than a run may last; `seconds` of it are left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the API asks to wait {seconds:.0f} seconds")


class RateLimiter:
    """Lets at most `max_in_flight` requests run at once, at the rate the API was seen to bear.

    Threads also wait here between tries, so that `cancel` releases all of them.
    """

    def __init__(self, max_in_flight: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._cancelled = threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._limit = ConcurrencyLimit(max_in_flight, clock())
        # first in, first out: a thread that has just finished a request holds the interpreter, so
        # it would always be next, and a slow window would starve. Only the first thread is
        # notified, as each that wakes takes the interpreter from those that make rows
        self._queue: deque[threading.Condition] = deque()

    @contextmanager
    def acquire(self) -> Iterator[float]:
        """Wait until a request may start, and give the time it does; released on exit.

        Raises:
            Cancelled: the run was cancelled meanwhile.
            RetryAfterTooLong: the API asks to wait more than `LONGEST_RETRY_AFTER_SECONDS`.
        """
        started_at = self._enter()
        try:
            yield started_at
        finally:
            with self._lock:
                self._limit.on_finish()
                self._notify_first()

    def _enter(self) -> float:
        turn = threading.Condition(self._lock)
        with self._lock:
            self._queue.append(turn)
            try:
                return self._wait(turn)
            finally:
                self._queue.remove(turn)
                self._notify_first()

    def _notify_first(self) -> None:
        if self._queue:
            self._queue[0].notify()

    def _wait(self, turn: threading.Condition) -> float:
        while not self._cancelled.is_set():
            now = self._clock()
            pause = self._limit.paused_until - now
            if pause > LONGEST_RETRY_AFTER_SECONDS:
                raise RetryAfterTooLong(pause)
            delay = self._limit.delay(now) if self._queue[0] is turn else inf
            if delay <= 0:
                self._limit.on_start(now)
                return now
            turn.wait(min(delay, LONGEST_NAP_SECONDS))
        raise Cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether no request may start any more."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Raise `Cancelled` in every thread that waits here now or later."""
        self._cancelled.set()
        with self._lock:
            self._notify_first()  # each thread that leaves notifies the next

    def sleep(self, seconds: float) -> None:
        """Wait between two tries.

        Raises:
            Cancelled: the run was cancelled meanwhile.
        """
        if self._cancelled.wait(seconds):
            raise Cancelled

    def on_success(self, started_at: float) -> None:
        """Learn that a request succeeded; it still counts as in flight."""
        with self._lock:
            self._limit.on_success(self._clock(), started_at)

    def on_throttle(self, started_at: float, retry_after: float | None) -> None:
        """Learn that a request was throttled; `retry_after` is in seconds, None if not given."""
        with self._lock:
            self._limit.on_throttle(self._clock(), started_at, retry_after)
