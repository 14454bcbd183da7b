"""The rate limiter with several threads, and a clock that the test controls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from chatislav_source.api import rate_limiter
from chatislav_source.api.pace import Start
from chatislav_source.api.rate_limiter import (
    LONGEST_RETRY_AFTER_SECONDS,
    Cancelled,
    RateLimiter,
    RetryAfterTooLong,
)
from tests.soon import soon


class Clock:
    """A clock that advances by `step` seconds at each call."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def in_threads(count: int, work: Callable[[], None]) -> list[threading.Thread]:
    """Start threads that call `work`."""
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_acquire_returns_the_start_time() -> None:
    limiter = RateLimiter(8, Clock(step=1.0))

    with limiter.acquire() as began:
        assert began.at == 2.0


def test_the_requests_in_flight_never_exceed_the_limit() -> None:
    limiter = RateLimiter(3, Clock(step=0.01))
    counting = threading.Lock()
    inside, seen = [0], [0]

    def work() -> None:
        for _ in range(50):
            with limiter.acquire() as began:
                with counting:
                    inside[0] += 1
                    seen[0] = max(seen[0], inside[0])
                with counting:
                    inside[0] -= 1
                limiter.on_success(began)

    for thread in in_threads(10, work):
        thread.join(20)

    assert 1 <= seen[0] <= 3


def test_waiting_threads_start_in_order_of_arrival() -> None:
    limiter = RateLimiter(1, Clock())
    order: list[str] = []

    def work(name: str) -> None:
        with limiter.acquire():
            order.append(name)

    with limiter.acquire():
        threads = in_threads(1, partial(work, "first"))
        assert soon(lambda: len(limiter._queue) == 1)
        threads += in_threads(1, partial(work, "second"))
        assert soon(lambda: len(limiter._queue) == 2)
    work("again")
    for thread in threads:
        thread.join(20)

    assert order == ["first", "second", "again"]


def test_a_failed_request_is_released() -> None:
    limiter = RateLimiter(1, Clock())

    with pytest.raises(RuntimeError), limiter.acquire():
        raise RuntimeError("no response")

    with limiter.acquire():
        pass


def test_retry_after_delays_the_requests_of_all_threads() -> None:
    limiter = RateLimiter(8, Clock(step=0.5))
    turns = []

    def work() -> None:
        with limiter.acquire() as began:
            turns.append(began.at)

    limiter.on_throttle(Start(0.0, 1), retry_after=30.0)
    for thread in in_threads(5, work):
        thread.join(20)

    assert len(turns) == 5
    assert min(turns) >= 30.0


def test_all_waiting_requests_within_the_limit_start_when_a_pause_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limiter, "LONGEST_NAP_SECONDS", 20.0)
    limiter = RateLimiter(2)
    limiter._pace.paused_until = time.monotonic() + 0.1
    both_inside = threading.Barrier(2, timeout=5)
    met: list[int] = []

    def work() -> None:
        with limiter.acquire():
            met.append(both_inside.wait())

    for thread in in_threads(2, work):
        thread.join(10)

    assert sorted(met) == [0, 1]


def test_a_waiting_request_starts_when_another_one_finishes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limiter, "LONGEST_NAP_SECONDS", 1000.0)
    limiter = RateLimiter(1)
    went: list[float] = []

    def work() -> None:
        with limiter.acquire() as began:
            went.append(began.at)

    with limiter.acquire():
        threads = in_threads(3, work)
        assert soon(lambda: len(limiter._queue) == 3)
    for thread in threads:
        thread.join(10)

    assert len(went) == 3


def test_a_too_long_retry_after_is_an_error_without_waiting() -> None:
    limiter = RateLimiter(8, Clock())

    limiter.on_throttle(Start(0.0, 1), retry_after=LONGEST_RETRY_AFTER_SECONDS + 60)

    with pytest.raises(RetryAfterTooLong, match="a wait of 360 seconds"), limiter.acquire():
        pass


def test_the_longest_allowed_retry_after_is_waited_for() -> None:
    limiter = RateLimiter(8, Clock(step=10.0))

    limiter.on_throttle(Start(0.0, 1), retry_after=LONGEST_RETRY_AFTER_SECONDS)

    with limiter.acquire() as began:
        assert began.at >= LONGEST_RETRY_AFTER_SECONDS


def test_cancel_releases_every_thread_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limiter, "LONGEST_NAP_SECONDS", 1000.0)
    limiter = RateLimiter(8, Clock())
    ended = []

    def work() -> None:
        with pytest.raises(Cancelled), limiter.acquire():
            pass
        ended.append(True)

    limiter.on_throttle(Start(0.0, 1), retry_after=100.0)
    threads = in_threads(4, work)
    assert soon(lambda: len(limiter._queue) == 4)
    limiter.cancel()
    for thread in threads:
        thread.join(20)

    assert ended == [True] * 4


def test_after_cancel_no_request_starts() -> None:
    limiter = RateLimiter(8, Clock())

    limiter.cancel()

    assert limiter.is_cancelled
    with pytest.raises(Cancelled), limiter.acquire():
        pass
    with pytest.raises(Cancelled):
        limiter.sleep(1000.0)
