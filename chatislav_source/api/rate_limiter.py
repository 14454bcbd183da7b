"""How fast: one gate for all requests of a run, which learns what the API bears.

`pace.py` says when the next request may go; here threads wait for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from chatislav_source.api.adaptive_rate import ConcurrencyLimit

LONGEST_RETRY_AFTER_SECONDS = 300.0  # a server that asks for more is not waited for

LONGEST_NAP_SECONDS = 1.0  # after which a waiting thread looks again, whatever happens


class Cancelled(Exception):  # noqa: N818 - not an error: the run is over, so its threads leave
    """Raised in threads that wait for their turn when the run ends."""


class RetryAfterTooLong(Exception):  # noqa: N818 - an answer of the API's, told apart by the client
    """The API asked to wait longer than a run may last; `seconds` are left of it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the API asks to wait {seconds:.0f} seconds")


class RateLimiter:
    """Lets at most `most` requests be in flight; `stop` releases every thread that waits."""

    def __init__(
        self, most: int, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stop = stop
        self._clock = clock
        self._lock = threading.Lock()
        self._limits = ConcurrencyLimit(most, clock())
        # first come, first served: whoever has just ended one request would be first again, as it
        # has the interpreter, and others would wait until all it reads is read. Only the first is
        # woken, as each that wakes takes the interpreter from whoever makes rows
        self._queue: deque[threading.Condition] = deque()

    @contextmanager
    def slot(self) -> Iterator[float]:
        """Wait for a turn, and give the time it began.

        Raises:
            Cancelled: the run ended while waiting.
            RetryAfterTooLong: the API asks to wait more than `LONGEST_RETRY_AFTER_SECONDS`.
        """
        began = self._enter()
        try:
            yield began
        finally:
            with self._lock:
                self._limits.ended()
                self._wake_first()

    def _enter(self) -> float:
        turn = threading.Condition(self._lock)
        with self._lock:
            self._queue.append(turn)
            try:
                return self._waited_for(turn)
            finally:
                self._queue.remove(turn)
                self._wake_first()

    def _wake_first(self) -> None:
        if self._queue:
            self._queue[0].notify()

    def _waited_for(self, turn: threading.Condition) -> float:
        while not self._stop.is_set():
            now = self._clock()
            held = self._limits.paused_until - now
            if held > LONGEST_RETRY_AFTER_SECONDS:
                raise RetryAfterTooLong(held)
            wait = self._limits.wait(now) if self._queue[0] is turn else inf
            if wait <= 0:
                self._limits.began(now)
                return now
            turn.wait(min(wait, LONGEST_NAP_SECONDS))
        raise Cancelled

    def wake(self) -> None:
        """Let waiting threads look at `stop` again, each once the one before has left."""
        with self._lock:
            self._wake_first()

    def answered(self, began: float) -> None:
        """A request that began at `began` got a good answer; its turn is not over yet."""
        with self._lock:
            self._limits.answered(self._clock(), began)

    def refused(self, began: float, retry_after: float | None) -> None:
        """A request that began at `began` was refused; `retry_after` in seconds, if it was told."""
        with self._lock:
            self._limits.refused(self._clock(), began, retry_after)
