"""The rate limiter that all threads of a run share; `pace` has its algorithm."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from chatislav_source.api.pace import Pace, Start

LONGEST_RETRY_AFTER_SECONDS = 300.0  # with a longer Retry-After the request fails
LONGEST_NAP_SECONDS = 1.0  # after which a waiting thread checks again without a notification


class Cancelled(Exception):  # noqa: N818 - not an error: it ends the threads of a cancelled run
    """Raised in threads that wait for a request when the run is cancelled."""


class RetryAfterTooLong(Exception):  # noqa: N818 - the client converts it to an error
    """Retry-After is longer than the limit; `seconds` is the remaining time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the API requires a wait of {seconds:.0f} seconds")


class RateLimiter:
    """Limits the requests in flight to `max_in_flight`, and adapts the rate to the API.

    `requests_per_second` is the highest rate; None: only the API limits it. Threads also wait here
    between tries, so that `cancel` releases all of them.
    """

    def __init__(
        self,
        max_in_flight: int,
        clock: Callable[[], float] = time.monotonic,
        requests_per_second: float | None = None,
    ) -> None:
        self._cancelled = threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._pace = Pace(max_in_flight, clock(), requests_per_second)
        # first in, first out: a thread that has just finished a request holds the interpreter lock,
        # so it would always be next, and a slow window would starve. Only the first thread is
        # notified, as each thread that wakes takes the lock from those that convert rows
        self._queue: deque[threading.Condition] = deque()

    @contextmanager
    def acquire(self) -> Iterator[Start]:
        """Wait until a request may start, and return its start; released on exit.

        Raises:
            Cancelled: the run was cancelled meanwhile.
            RetryAfterTooLong: Retry-After is more than `LONGEST_RETRY_AFTER_SECONDS`.
        """
        start = self._enter()
        try:
            yield start
        finally:
            with self._lock:
                self._pace.on_finish()
                self._notify_first()

    def _enter(self) -> Start:
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

    def _wait(self, turn: threading.Condition) -> Start:
        while not self._cancelled.is_set():
            now = self._clock()
            pause = self._pace.paused_until - now
            if pause > LONGEST_RETRY_AFTER_SECONDS:
                raise RetryAfterTooLong(pause)
            delay = self._pace.delay(now) if self._queue[0] is turn else inf
            if delay <= 0:
                return self._pace.on_start(now)
            turn.wait(min(delay, LONGEST_NAP_SECONDS))
        raise Cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Raise `Cancelled` in every thread that waits here now or later."""
        self._cancelled.set()
        with self._lock:
            self._notify_first()  # each cancelled thread notifies the next

    def sleep(self, seconds: float) -> None:
        """Wait between two tries.

        Raises:
            Cancelled: the run was cancelled meanwhile.
        """
        if self._cancelled.wait(seconds):
            raise Cancelled

    def on_success(self, start: Start) -> None:
        """Record that a request succeeded; it still counts as in flight."""
        with self._lock:
            self._pace.on_success(self._clock(), start)

    def on_throttle(
        self, start: Start, retry_after: float | None, *, is_limit: bool = True
    ) -> None:
        """Record that a request was throttled.

        `retry_after` is in seconds, None if not given. `is_limit`: the status means a limit (429),
        and not possibly something else (503).
        """
        with self._lock:
            self._pace.on_refused(self._clock(), start, retry_after, is_limit)
