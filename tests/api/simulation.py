"""A simulated API and workers on a simulated clock, for tests of the pace.

The servers are not those of the sandbox, so that the pace does not fit one implementation only.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chatislav_source.api.pace import Pace, Start

MAX_IN_FLIGHT = 8
WORKERS = 10  # as `workers_for` gives; the others wait between tries


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
    """Accepts a number of requests in each window; the first one began `phase` seconds ago."""

    def __init__(self, most: int, seconds: float, phase: float = 0.0) -> None:
        self.most, self.seconds, self.phase, self.window, self.count = most, seconds, phase, -1, 0

    def admits(self, now: float, at_once: int) -> bool:
        del at_once
        window = int((now + self.phase) / self.seconds)
        if window != self.window:
            self.window, self.count = window, 0
        self.count += self.count < self.most or self.most
        return self.count <= self.most

    def retry_after(self, now: float) -> float:
        """Whole seconds until the window ends."""
        return math.ceil(self.seconds - (now + self.phase) % self.seconds)


class SlidingWindow:
    """Accepts a number of requests in any span of time of a length."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds, self.accepted = most, seconds, deque[float]()

    def admits(self, now: float, at_once: int) -> bool:
        del at_once
        while self.accepted and self.accepted[0] <= now - self.seconds:
            self.accepted.popleft()
        if len(self.accepted) >= self.most:
            return False
        self.accepted.append(now)
        return True

    def retry_after(self, now: float) -> float:
        """Whole seconds until the oldest request has left the window."""
        return math.ceil(self.accepted[0] + self.seconds - now)


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


class Shared:
    """A limit that other clients use too: `rate` requests per second at random times."""

    def __init__(self, server: Server, rate: float) -> None:
        self.server, self.rate, self.random = server, rate, random.Random(1)  # noqa: S311
        self.next, self.others = 0.0, list[float]()

    def admits(self, now: float, at_once: int) -> bool:
        while self.next <= now:
            if self.server.admits(self.next, 0):
                self.others.append(self.next)
            self.next += self.random.expovariate(self.rate)
        return self.server.admits(now, at_once)


@dataclass
class Simulation:
    """Workers that always have a next request, and wait between tries as the client does.

    `noise` is the share of requests with a random 503. `is_limit`: refusals have status 429.
    """

    server: Server
    latency: float = 0.02
    retry_after: Callable[[float], float] | None = None
    is_limit: bool = True
    noise: float = 0.0
    pace: Pace = field(default_factory=lambda: Pace(MAX_IN_FLIGHT, 0.0))
    answers: list[tuple[float, str]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    max_in_flight_seen: int = 0
    most_tries: int = 0

    def run(self, seconds: float) -> Simulation:
        """Run until the simulated clock is at `seconds`."""
        self._random = random.Random(3)  # noqa: S311 - test data
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = iter(range(10**9))
        self._idle = list(range(WORKERS))
        self._tries = [0] * WORKERS
        self._in_flight = self._at_server = 0
        self._wakes_at = -1.0
        now = 0.0
        self._start(now)
        while self._events and now <= seconds:
            now, _, happens = heapq.heappop(self._events)
            happens(now)
            self._start(now)
        return self

    def _at(self, moment: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), happens))

    def _start(self, now: float) -> None:
        while self._idle:
            wait = self.pace.delay(now)
            if wait > 0:
                if wait < math.inf and not now < self._wakes_at <= now + wait:
                    self._wakes_at = now + max(wait, 1e-4)
                    self._at(self._wakes_at, lambda _: None)  # workers check again
                return
            self._send(now, self._idle.pop(0), self.pace.on_start(now))

    def _send(self, now: float, worker: int, start: Start) -> None:
        self.sent.append(now)
        self._in_flight += 1
        self.max_in_flight_seen = max(self.max_in_flight_seen, self._in_flight)
        self._at(now + 0.1 * self.latency, lambda later: self._arrive(later, worker, start))

    def _arrive(self, now: float, worker: int, start: Start) -> None:
        self._at_server += 1
        is_noise = self._random.random() < self.noise
        if is_noise or not self.server.admits(now, self._at_server):
            told = None if is_noise or not self.retry_after else self.retry_after(now)
            spent = 0.1 * self.latency + 0.002
            self._at(now + spent, lambda at: self._refused(at, worker, start, told, is_noise))
        else:
            spent = 0.9 * self.latency * self._random.uniform(0.8, 1.2)
            self._at(now + spent, lambda at: self._good(at, worker, start))

    def _good(self, now: float, worker: int, start: Start) -> None:
        self.pace.on_success(now, start)
        self._tries[worker] = 0
        self._idle.append(worker)
        self._ended(now, "good")

    def _refused(
        self, now: float, worker: int, start: Start, told: float | None, is_noise: bool
    ) -> None:
        self.pace.on_refused(now, start, told, is_limit=self.is_limit and not is_noise)
        self._tries[worker] += 1
        self.most_tries = max(self.most_tries, self._tries[worker])
        longest = min(20.0, 0.5 * 2 ** (self._tries[worker] - 1))
        self._at(now + self._random.uniform(0, longest), lambda _: self._idle.append(worker))
        self._ended(now, "noise" if is_noise else "refused")

    def _ended(self, now: float, result: str) -> None:
        self._at_server -= 1
        self._in_flight -= 1
        self.pace.on_finish()
        self.answers.append((now, result))

    def successes_per_second(self, since: float, until: float) -> float:
        """The average rate of successful requests."""
        return self._results(since, until).count("good") / (until - since)

    def throttled_share(self, since: float, until: float) -> float:
        """The share of requests that the limit refused."""
        results = self._results(since, until)
        return results.count("refused") / max(1, len(results))

    def _results(self, since: float, until: float) -> list[str]:
        return [result for moment, result in self.answers if since <= moment < until]
