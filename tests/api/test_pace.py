"""The pace with simulated limiters of every kind, with and without noise, at three latencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chatislav_source.api.pace import Pace
from tests.api.simulation import (
    MAX_IN_FLIGHT,
    Bucket,
    ConcurrencyLimited,
    FixedWindow,
    Server,
    Shared,
    Simulation,
    SlidingWindow,
    Unlimited,
)

SECONDS = 310.0
SETTLED = 10.0  # seconds; from then on the pace must be right
NOISE = 0.05  # of all requests


@dataclass(frozen=True)
class Limit:
    """A limit, and the requests per second that it allows; None: that its concurrency allows.

    `told` is Retry-After in seconds; "exact": until a request is accepted; None: not told.
    """

    server: Callable[[], Server]
    allowed: float | None
    told: float | str | None = None
    is_limit: bool = True
    since: float = SETTLED
    until: float = SECONDS

    def simulated(self, latency: float, noise: float) -> Simulation:
        """A run against this limit."""
        server = self.server()
        inner = server.server if isinstance(server, Shared) else server
        exact = getattr(inner, "retry_after", None)
        told = exact if self.told == "exact" else self._constant
        run = Simulation(server, latency, told if self.told else None, self.is_limit, noise)
        return run.run(self.until)

    def _constant(self, _: float) -> float:
        return float(self.told or 0)

    def allowed_for(self, run: Simulation, noise: float) -> float:
        """Requests per second that are allowed, and possible with the concurrency and the noise."""
        possible = MAX_IN_FLIGHT / run.latency
        server, allowed = run.server, self.allowed
        if isinstance(server, ConcurrencyLimited):
            allowed = server.most / run.latency
        if isinstance(server, Shared):
            others = sum(self.since <= moment < self.until for moment in server.others)
            allowed = (allowed or 0) - others / (self.until - self.since)
        # what has a random 503 does not get through, at the same pace
        return min(allowed or possible, possible) * (1 - noise)


MINUTES = {"since": 60.0, "until": 660.0}  # whole windows, after the first one was used up
LIMITS = {
    "10 a second, burst 5, Retry-After 1": Limit(lambda: Bucket(10, 5), 10, told=1),
    "10 a second, burst 20, Retry-After 1": Limit(lambda: Bucket(10, 20), 10, told=1),
    "10 a second, burst 5": Limit(lambda: Bucket(10, 5), 10),
    "10 a second, no burst": Limit(lambda: Bucket(10, 1), 10),
    "2 a second, burst 5, Retry-After 1": Limit(lambda: Bucket(2, 5), 2, told=1),
    "1 in two seconds, Retry-After 2": Limit(lambda: Bucket(0.5, 1), 0.5, told=2, until=610),
    "50 a second, burst 20": Limit(lambda: Bucket(50, 20), 50),
    "60 a minute, Retry-After to its end": Limit(
        lambda: FixedWindow(60, 60), 1, told="exact", **MINUTES
    ),
    "60 a minute, met 20 s after it began": Limit(
        lambda: FixedWindow(60, 60, phase=20), 1, told="exact", since=40.0, until=640.0
    ),
    "600 a minute, Retry-After to its end": Limit(
        lambda: FixedWindow(600, 60), 10, told="exact", **MINUTES
    ),
    "10 in each second": Limit(lambda: FixedWindow(10, 1), 10),
    "60 in any minute": Limit(lambda: SlidingWindow(60, 60), 1, told="exact", **MINUTES),
    "50 in any 5 s": Limit(lambda: SlidingWindow(50, 5), 10, told="exact"),
    "3 at once": Limit(lambda: ConcurrencyLimited(3), None),
    "3 at once, Retry-After 1": Limit(lambda: ConcurrencyLimited(3), None, told=1),
    "1 at once": Limit(lambda: ConcurrencyLimited(1), None),
    "10 a second, burst 5, with 503": Limit(lambda: Bucket(10, 5), 10, is_limit=False),
    "10 a second, burst 20, with 503 and Retry-After": Limit(
        lambda: Bucket(10, 20), 10, told=1, is_limit=False
    ),
    "3 at once, with 503": Limit(lambda: ConcurrencyLimited(3), None, is_limit=False),
    "shared, 10 a second": Limit(lambda: Shared(Bucket(10, 10), 4), 10),
    "shared, 10 a second, Retry-After 1": Limit(lambda: Shared(Bucket(10, 10), 4), 10, told=1),
    "shared, 600 a minute": Limit(
        lambda: Shared(FixedWindow(600, 60), 4), 10, told="exact", **MINUTES
    ),
}


@pytest.mark.parametrize("latency", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("noise", [0.0, NOISE], ids=["", "noise"])
@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_used_and_rarely_exceeded(name: str, noise: float, latency: float) -> None:
    limit = LIMITS[name]

    run = limit.simulated(latency, noise)

    through = run.successes_per_second(limit.since, limit.until)
    assert through >= 0.9 * limit.allowed_for(run, noise)
    assert run.throttled_share(limit.since, limit.until) < 0.05
    assert run.most_tries < 8  # else a request would fail


@pytest.mark.parametrize("latency", [0.05, 0.3, 1.0])
def test_random_503s_cost_little_speed_where_there_is_no_limit(latency: float) -> None:
    with_noise = Simulation(Unlimited(), latency, noise=NOISE).run(SECONDS)

    speed = with_noise.successes_per_second(SETTLED, SECONDS)
    assert speed >= 0.85 * MAX_IN_FLIGHT / latency


@pytest.mark.parametrize("latency", [0.05, 0.3])
def test_a_minute_that_does_not_tell_when_it_ends_fails_no_request(latency: float) -> None:
    run = Simulation(FixedWindow(60, 60), latency).run(660)

    assert run.most_tries < 8
    assert run.successes_per_second(60, 660) >= 0.7
    assert run.throttled_share(60, 660) < 0.25


def test_a_new_pace_starts_with_two_requests_in_flight() -> None:
    pace = Pace(MAX_IN_FLIGHT, 0.0)

    pace.on_start(0.0)
    pace.on_start(0.0)

    assert pace.delay(0.0) == float("inf")
