"""A simulated API and workers on a simulated clock, for tests of the adaptive rate."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chatislav_source.api.adaptive_rate import ConcurrencyLimit

WORKERS = 8


class Server(Protocol):
    """Decides whether a request is accepted; `at_once` is the number of concurrent requests."""

    def admits(self, now: float, at_once: int) -> bool: ...


class Unlimited:
    """Accepts every request."""

    def admits(self, now: float, at_once: int) -> bool:
        return now >= 0 and at_once > 0


class Bucket:
    """A token bucket: accepts `rate` requests per second, and a burst."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst, self.left, self.at = rate, burst, float(burst), 0.0

    def admits(self, now: float, at_once: int) -> bool:
        del at_once
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class FixedWindow:
    """Accepts a number of requests in each fixed window of the clock."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds, self.window, self.count = most, seconds, -1, 0

    def admits(self, now: float, at_once: int) -> bool:
        del at_once
        window = int(now / self.seconds)
        self.count = self.count + 1 if window == self.window else 1
        self.window = window
        return self.count <= self.most


class ConcurrencyLimited:
    """Accepts a number of concurrent requests."""

    def __init__(self, most: int) -> None:
        self.most = most

    def admits(self, now: float, at_once: int) -> bool:
        return now >= 0 and at_once <= self.most


class RandomlyThrottled:
    """Throttles requests at random, at any rate."""

    def __init__(self, share: float) -> None:
        self.share, self.random = share, random.Random(5)  # noqa: S311 - test data

    def admits(self, now: float, at_once: int) -> bool:
        return now >= 0 and at_once > 0 and self.random.random() >= self.share


class Changing:
    """Replaces one server by another one at a time."""

    def __init__(self, before: Server, after: Server, at: float) -> None:
        self.before, self.after, self.at = before, after, at

    def admits(self, now: float, at_once: int) -> bool:
        return (self.before if now < self.at else self.after).admits(now, at_once)


@dataclass
class Simulation:
    """Workers that always have a next request, and wait between tries as the client does."""

    server: Server
    latency: float = 0.02
    retry_after: Callable[[float], float] | None = None
    limit: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(WORKERS, 0.0))
    answers: list[tuple[float, bool]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    max_in_flight_seen: int = 0

    def run(self, seconds: float) -> Simulation:
        """Run until the simulated clock is at `seconds`."""
        self._random = random.Random(3)  # noqa: S311 - test data
        self._events: list[tuple[float, int, str, int, float]] = []
        self._numbers = iter(range(10**9))
        self._idle = list(range(WORKERS))
        self._tries = [0] * WORKERS
        self._in_flight = self._at_server = 0
        self._wakes_at = -1.0
        now = 0.0
        self._start(now)
        while self._events and now <= seconds:
            now, _, what, worker, began = heapq.heappop(self._events)
            getattr(self, f"_{what}")(now, worker, began)
            self._start(now)
        return self

    def _at(self, moment: float, what: str, worker: int = 0, began: float = 0.0) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), what, worker, began))

    def _wake(self, *_: float) -> None:
        """Do nothing; the event makes workers check the limit again."""

    def _ready(self, _: float, worker: int, __: float) -> None:
        self._idle.append(worker)

    def _arrive(self, now: float, worker: int, began: float) -> None:
        self._at_server += 1
        is_good = self.server.admits(now, self._at_server)
        spent = self.latency / 2 * self._random.uniform(1, 1.2) if is_good else 0.002
        self._at(now + spent, "good" if is_good else "bad", worker, began)

    def _good(self, now: float, worker: int, began: float) -> None:
        self.limit.on_success(now, began)
        self._tries[worker] = 0
        self._idle.append(worker)
        self._ended(now, is_good=True)

    def _bad(self, now: float, worker: int, began: float) -> None:
        self.limit.on_throttle(now, began, self.retry_after(now) if self.retry_after else None)
        self._tries[worker] += 1
        longest = min(20.0, 0.5 * 2 ** (self._tries[worker] - 1))
        self._at(now + self._random.uniform(0, longest), "ready", worker)
        self._ended(now, is_good=False)

    def _ended(self, now: float, is_good: bool) -> None:
        self._at_server -= 1
        self._in_flight -= 1
        self.limit.on_finish()
        self.answers.append((now, is_good))

    def _start(self, now: float) -> None:
        while self._idle:
            wait = self.limit.delay(now)
            if wait > 0:
                if wait < math.inf and not now < self._wakes_at <= now + wait:
                    self._wakes_at = now + max(wait, 1e-4)
                    self._at(self._wakes_at, "wake")
                return
            self.limit.on_start(now)
            self.sent.append(now)
            self._in_flight += 1
            self.max_in_flight_seen = max(self.max_in_flight_seen, self._in_flight)
            way = self.latency / 2 * self._random.uniform(0.9, 1.1)
            self._at(now + way, "arrive", self._idle.pop(0), now)

    def successes_per_second(self, since: float, until: float) -> float:
        """The average rate of successful requests."""
        return sum(good for moment, good in self.answers if since <= moment < until) / (
            until - since
        )

    def throttled_share(self, since: float, until: float) -> float:
        """The share of throttled requests."""
        outcomes = [good for moment, good in self.answers if since <= moment < until]
        return outcomes.count(False) / len(outcomes)
