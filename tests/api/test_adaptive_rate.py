"""The pace, against simulated servers and a simulated clock: fast, and polite."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatislav_source.api.adaptive_rate import AdaptiveRate, ConcurrencyLimit

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
    limits: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(WORKERS, 0.0))
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
        self.limits.answered(now, began)
        self._tries[worker] = 0
        self._idle.append(worker)
        self._ended(now, is_good=True)

    def _bad(self, now: float, worker: int, began: float) -> None:
        self.limits.refused(now, began, self.retry_after(now) if self.retry_after else None)
        self._tries[worker] += 1
        longest = min(20.0, 0.5 * 2 ** (self._tries[worker] - 1))
        self._at(now + self._random.uniform(0, longest), "ready", worker)
        self._ended(now, is_good=False)

    def _ended(self, now: float, is_good: bool) -> None:
        self._at_server -= 1
        self._in_flight -= 1
        self.limits.ended()
        self.answers.append((now, is_good))

    def _start(self, now: float) -> None:
        while self._idle:
            wait = self.limits.wait(now)
            if wait > 0:
                if wait < math.inf and not now < self._wakes_at <= now + wait:
                    self._wakes_at = now + max(wait, 1e-4)
                    self._at(self._wakes_at, "wake")
                return
            self.limits.began(now)
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


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(Bucket(10, burst=1), id="no burst"),
        pytest.param(Bucket(10, burst=10), id="burst of ten"),
        pytest.param(FixedWindow(10, seconds=1), id="ten in each second"),
    ],
)
def test_ten_requests_a_second_are_used_well_and_seldom_exceeded(server: Server) -> None:
    run = Simulation(server).run(300)

    assert run.good_per_second(60, 300) >= 9.0
    assert run.refused_share(60, 300) < 0.05


def test_a_limit_with_some_burst_is_found_within_ten_seconds() -> None:
    run = Simulation(Bucket(10, burst=10)).run(60)

    assert run.good_per_second(10, 60) >= 9.0
    assert run.refused_share(10, 60) < 0.05


def test_a_limit_without_any_burst_is_found_within_a_minute() -> None:
    run = Simulation(Bucket(10, burst=1)).run(60)

    assert run.good_per_second(10, 60) >= 7.0
    assert run.refused_share(10, 60) < 0.15


@pytest.mark.parametrize("latency", [0.02, 0.1, 0.5])
def test_the_limit_is_found_whatever_an_answer_takes(latency: float) -> None:
    run = Simulation(Bucket(10, burst=10), latency).run(300)

    assert run.good_per_second(60, 300) >= 9.0
    assert run.refused_share(60, 300) < 0.05


@pytest.mark.parametrize("latency", [0.002, 0.005, 0.01, 0.02, 0.05])
@pytest.mark.parametrize("burst", [5, 10, 20])
def test_a_burst_that_is_let_through_first_does_not_mislead(latency: float, burst: int) -> None:
    run = Simulation(Bucket(10, burst=burst), latency=latency).run(60)

    assert run.good_per_second(5, 60) >= 9
    assert run.refused_share(5, 60) < 0.05


@pytest.mark.parametrize("latency", [0.001, 0.002])
def test_how_much_was_sent_at_first_does_not_pass_for_what_nearly_works(latency: float) -> None:
    run = Simulation(Bucket(5, burst=1), latency=latency).run(60)

    assert run.good_per_second(5, 60) >= 4.2
    assert run.refused_share(5, 60) < 0.08


def test_a_slow_limit_is_kept_to() -> None:
    run = Simulation(Bucket(1, burst=1)).run(600)

    assert run.good_per_second(60, 600) >= 0.8
    assert run.refused_share(60, 600) < 0.12


def test_where_nothing_is_refused_there_is_no_pace() -> None:
    run = Simulation(Free()).run(60)

    assert run.good_per_second(1, 60) > 0.95 * WORKERS / (0.01 * 1.1 + 0.01)
    assert run.limits.pace.per_second is None


@pytest.mark.parametrize(("share", "latency"), [(0.1, 0.02), (0.1, 0.1), (0.1, 0.5), (0.3, 0.1)])
def test_refusals_by_chance_do_not_strangle_a_run(share: float, latency: float) -> None:
    run = Simulation(Moody(share), latency).run(300)

    # a refused worker waits for a quarter of a second and more, so this is what could be had
    tries = 1 / (1 - share)
    possible = WORKERS / (latency * 1.1 + (tries - 1) * 0.25 * (1 + share))
    assert run.good_per_second(60, 300) >= possible / 2
    assert run.good_per_second(10, 60) >= possible / 3


def test_a_server_that_takes_three_at_once_is_given_about_three() -> None:
    run = Simulation(FewAtOnce(3), 0.1).run(120)

    assert run.good_per_second(10, 120) > 0.8 * 3 / 0.11
    assert run.refused_share(10, 120) < 0.05


def test_a_limit_that_is_lifted_is_forgotten_in_a_minute_or_two() -> None:
    run = Simulation(Changing(Bucket(10, burst=5), Free(), at=120)).run(400)

    assert run.good_per_second(60, 120) >= 8.0
    assert run.good_per_second(300, 400) > 150


def test_a_limit_that_comes_late_is_obeyed() -> None:
    run = Simulation(Changing(Free(), Bucket(10, burst=5), at=60)).run(300)

    assert run.good_per_second(100, 300) >= 9.0
    assert run.refused_share(100, 300) < 0.05


def test_while_everything_is_refused_the_server_is_left_in_peace() -> None:
    run = Simulation(Changing(Free(), Moody(1.0), at=10)).run(300)

    assert sum(moment > 100 for moment in run.sent) < 200
    assert (run.limits.pace.per_second or 99) < 0.5


def test_an_outage_is_recovered_from() -> None:
    outage = Changing(Moody(1.0), Free(), at=60)

    run = Simulation(Changing(Free(), outage, at=30)).run(300)

    assert run.good_per_second(200, 300) > 100


def test_retry_after_holds_every_request_back() -> None:
    run = Simulation(Bucket(10, burst=20), retry_after=lambda _: 30.0).run(100)

    refused_at = next(moment for moment, good in run.answers if not good)
    assert [moment for moment in run.sent if refused_at < moment < refused_at + 30] == []
    assert any(refused_at + 30 <= moment <= refused_at + 31 for moment in run.sent)


def test_the_longest_retry_after_counts() -> None:
    limits = ConcurrencyLimit(WORKERS, 0.0)

    limits.refused(1.0, 0.0, 30.0)
    limits.refused(2.0, 0.0, 5.0)

    assert limits.paused_until == 31.0


def test_refusals_of_requests_that_were_sent_before_a_pace_was_set_do_not_slow_it() -> None:
    pace = AdaptiveRate(0.0)
    for moment in range(1, 21):
        pace.told(moment / 8, moment / 8, is_good=moment % 2 == 0)
    first = pace.per_second

    for _ in range(50):
        pace.told(6.0, 1.5, is_good=False)

    assert pace.per_second == first is not None


def test_requests_in_flight_begin_with_few_and_grow_while_answers_are_good() -> None:
    limits = ConcurrencyLimit(WORKERS, 0.0)
    grown = []

    for _ in range(10):
        grown.append(fill(limits, 1.0))
        limits.answered(1.0, 1.0)

    assert grown == [2, 3, 4, 5, 6, 7, 8, 8, 8, 8]


def test_a_refusal_halves_them_and_others_sent_before_it_do_not_again() -> None:
    limits = ConcurrencyLimit(WORKERS, 0.0)
    for _ in range(10):
        limits.answered(0.5, 0.5)

    limits.refused(1.0, 0.9, None)
    limits.refused(1.0, 0.95, None)
    after_one = fill(limits, 1.0)
    limits.refused(1.2, 1.1, None)

    assert (after_one, fill(limits, 1.2)) == (4, 2)


def test_at_least_one_request_may_always_be_in_flight() -> None:
    limits = ConcurrencyLimit(WORKERS, 0.0)

    for second in range(1, 9):
        limits.refused(second / 10, second / 10 - 0.05, None)

    assert fill(limits, 1.0) == 1


def test_fewer_than_the_first_few_are_asked_for_where_only_one_may_be_in_flight() -> None:
    assert fill(ConcurrencyLimit(1, 0.0), 0.0) == 1


def fill(limits: ConcurrencyLimit, now: float) -> int:
    """How many requests may be in flight at once; none is afterwards."""
    count = 0
    while limits.wait(now) <= 0:
        limits.began(now)
        count += 1
    for _ in range(count):
        limits.ended()
    return count


SERVERS = st.sampled_from(
    [
        lambda: Free(),
        lambda: Bucket(3, 1),
        lambda: Bucket(50, 20),
        lambda: FixedWindow(60, 60),
        lambda: FewAtOnce(1),
        lambda: Moody(0.2),
        lambda: Moody(0.95),
        lambda: Changing(Bucket(5, 5), Moody(0.5), 20),
    ]
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(SERVERS, st.floats(0.05, 3), st.none() | st.floats(0, 20))
def test_there_are_never_more_in_flight_than_asked_for_and_always_a_next_request(
    server: Callable[[], Server], latency: float, retry_after: float | None
) -> None:
    told = None if retry_after is None else (lambda _: retry_after)

    run = Simulation(server(), latency, told).run(60)

    assert run.most_in_flight <= WORKERS
    assert run.sent[-1] > 60 - 2 * latency - 30  # the longest wait is one between tries
