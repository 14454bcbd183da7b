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
    """Says whether a request that arrives is let through; `at_once` counts it and the others."""

    def admits(self, now: float, at_once: int) -> bool: ...


class Free:
    """Takes everything."""

    def admits(self, now: float, at_once: int) -> bool:
        return now >= 0 and at_once > 0


class Bucket:
    """So many requests per second on average, a burst of them at once."""

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
    """So many requests in each window of the clock."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds, self.window, self.count = most, seconds, -1, 0

    def admits(self, now: float, at_once: int) -> bool:
        del at_once
        window = int(now / self.seconds)
        self.count = self.count + 1 if window == self.window else 1
        self.window = window
        return self.count <= self.most


class FewAtOnce:
    """So many requests in flight."""

    def __init__(self, most: int) -> None:
        self.most = most

    def admits(self, now: float, at_once: int) -> bool:
        return now >= 0 and at_once <= self.most


class Moody:
    """Refuses by chance, however fast it is asked."""

    def __init__(self, share: float) -> None:
        self.share, self.random = share, random.Random(5)  # noqa: S311 - made-up bad luck

    def admits(self, now: float, at_once: int) -> bool:
        return now >= 0 and at_once > 0 and self.random.random() >= self.share


class Changing:
    """Another server from a moment on."""

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
    most_in_flight: int = 0

    def run(self, seconds: float) -> Simulation:
        """Go on until the simulated clock is at `seconds`."""
        self._random = random.Random(3)  # noqa: S311 - made-up delays
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
        """Nothing happened: it is only time to look again."""

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
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            way = self.latency / 2 * self._random.uniform(0.9, 1.1)
            self._at(now + way, "arrive", self._idle.pop(0), now)

    def good_per_second(self, since: float, until: float) -> float:
        """Good answers, on average."""
        return sum(good for moment, good in self.answers if since <= moment < until) / (
            until - since
        )

    def refused_share(self, since: float, until: float) -> float:
        """Refused requests of all."""
        outcomes = [good for moment, good in self.answers if since <= moment < until]
        return outcomes.count(False) / len(outcomes)
