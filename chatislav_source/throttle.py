"""How fast: one gate for all requests of a run, which learns what the API bears.

Requests in flight grow while answers are good and halve when one is refused (429, 503). A 429 also
sets a pace, a little under the rate of good answers, that slowly grows again. Retry-After holds
back every request, not only the one that was refused.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatislav_source import settings

RATE_SPAN_SECONDS = 2.0  # over which the rate of good answers is measured
PACE_AFTER_REFUSAL = 0.97  # of that rate
PACE_GROWTH = 1.05  # per second, once the hold is over
FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS = 2.0, 40.0  # at a pace that works, before it grows
NEAR_REQUESTS = 20  # a refusal so soon after a slower pace says that pace is not the reason
NEAR_REFUSALS = 3  # of those in a row, and pacing is given up
UNPACED_SECONDS = 30.0


class Stopped(Exception):  # noqa: N818 - not an error: the run is over, so its threads leave
    """Raised in threads that wait for their turn when the run ends."""


class Throttle:
    """Lets at most `most` requests be in flight; `stop` releases every thread that waits."""

    def __init__(
        self, most: int, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._stop = stop
        self._clock = clock
        self._changed = threading.Condition()
        self._limit = float(min(settings.START_CONCURRENCY, most))
        self._in_flight = 0
        self._refused_once = False
        self._halved_at = float("-inf")
        self._paused_until = float("-inf")
        self._pace = Pace()

    @contextmanager
    def slot(self) -> Iterator[float]:
        """Wait for a turn, and give the time it began.

        Raises:
            Stopped: the run ended while waiting.
        """
        began = self._enter()
        try:
            yield began
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _enter(self) -> float:
        with self._changed:
            while not self._stop.is_set():
                now = self._clock()
                wait = max(self._paused_until, self._pace.next_turn) - now
                if wait <= 0 and self._in_flight < int(self._limit):
                    self._in_flight += 1
                    self._pace.started(now)
                    return now
                self._changed.wait(min(wait, 1.0) if wait > 0 else 1.0)
        raise Stopped

    def wake(self) -> None:
        """Let waiting threads look at `stop` again."""
        with self._changed:
            self._changed.notify_all()

    def answered(self) -> None:
        """A request got a good answer."""
        with self._changed:
            step = 1.0 / self._limit if self._refused_once else 1.0
            self._limit = min(self._limit + step, float(self._most))
            self._pace.answered(self._clock())
            self._changed.notify_all()

    def refused(self, began: float, too_many: bool, retry_after: float | None) -> None:
        """A request that began at `began` was refused; `too_many` for 429, not for 503."""
        with self._changed:
            now = self._clock()
            if began >= self._halved_at:  # the others in flight were refused for the same reason
                self._limit = max(1.0, self._limit / 2)
                self._halved_at = now
                if too_many:
                    self._pace.refused(now)
            self._refused_once = True
            if retry_after is not None:
                self._paused_until = max(self._paused_until, now + retry_after)


class Pace:
    """The most requests a second, None while nothing was refused; times are monotonic seconds."""

    def __init__(self) -> None:
        self.next_turn = float("-inf")
        self._per_second: float | None = None
        self._good: deque[float] = deque(maxlen=4096)
        self._hold = FIRST_HOLD_SECONDS
        self._grows_from = 0.0
        self._since_refusal = 0
        self._near_refusals = 0
        self._unpaced_until = float("-inf")

    def started(self, now: float) -> None:
        """A request was sent."""
        if self._per_second is None:
            return
        if now > self._grows_from:
            self._per_second *= PACE_GROWTH ** (now - self._grows_from)
            self._grows_from = now
        self.next_turn = max(self.next_turn, now - 1.0 / self._per_second) + 1.0 / self._per_second

    def answered(self, now: float) -> None:
        """A good answer came."""
        self._good.append(now)
        self._since_refusal += 1

    def refused(self, now: float) -> None:
        """A request was refused for being one too many."""
        near = self._per_second is not None and self._since_refusal < NEAR_REQUESTS
        self._near_refusals = self._near_refusals + 1 if near else 0
        self._since_refusal = 0
        if self._near_refusals >= NEAR_REFUSALS:
            self._per_second, self._near_refusals = None, 0
            self.next_turn = float("-inf")
            self._unpaced_until = now + UNPACED_SECONDS
        if now < self._unpaced_until:
            return
        grew = self._per_second is not None and now > self._grows_from
        self._hold = min(self._hold * 2, LONGEST_HOLD_SECONDS) if grew else self._hold
        self._per_second = max(1.0, self._measured(now) * PACE_AFTER_REFUSAL)
        self._grows_from = now + self._hold

    def _measured(self, now: float) -> float:
        recent = sum(1 for moment in self._good if moment > now - RATE_SPAN_SECONDS)
        first = self._good[0] if self._good else now
        return recent / max(1.0, min(RATE_SPAN_SECONDS, now - first))
