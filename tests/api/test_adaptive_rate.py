"""The adaptive rate with simulated servers and a simulated clock: high use, few throttled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatislav_source.api.adaptive_rate import AdaptiveRate, ConcurrencyLimit
from tests.api.simulation import (
    WORKERS,
    Bucket,
    Changing,
    ConcurrencyLimited,
    FixedWindow,
    RandomlyThrottled,
    Server,
    Simulation,
    Unlimited,
)


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(Bucket(10, burst=1), id="no burst"),
        pytest.param(Bucket(10, burst=10), id="burst of ten"),
        pytest.param(FixedWindow(10, seconds=1), id="ten in each second"),
    ],
)
def test_a_limit_of_ten_requests_per_second_is_used_and_rarely_exceeded(server: Server) -> None:
    run = Simulation(server).run(300)

    assert run.successes_per_second(60, 300) >= 9.0
    assert run.throttled_share(60, 300) < 0.05


def test_a_limit_with_some_burst_is_found_within_ten_seconds() -> None:
    run = Simulation(Bucket(10, burst=10)).run(60)

    assert run.successes_per_second(10, 60) >= 9.0
    assert run.throttled_share(10, 60) < 0.05


def test_a_limit_without_any_burst_is_found_within_a_minute() -> None:
    run = Simulation(Bucket(10, burst=1)).run(60)

    assert run.successes_per_second(10, 60) >= 7.0
    assert run.throttled_share(10, 60) < 0.15


@pytest.mark.parametrize("latency", [0.02, 0.1, 0.5])
def test_the_limit_is_found_at_any_latency(latency: float) -> None:
    run = Simulation(Bucket(10, burst=10), latency).run(300)

    assert run.successes_per_second(60, 300) >= 9.0
    assert run.throttled_share(60, 300) < 0.05


@pytest.mark.parametrize("latency", [0.002, 0.005, 0.01, 0.02, 0.05])
@pytest.mark.parametrize("burst", [5, 10, 20])
def test_an_accepted_first_burst_does_not_raise_the_rate(latency: float, burst: int) -> None:
    run = Simulation(Bucket(10, burst=burst), latency=latency).run(60)

    assert run.successes_per_second(5, 60) >= 9
    assert run.throttled_share(5, 60) < 0.05


@pytest.mark.parametrize("latency", [0.001, 0.002])
def test_the_first_sent_rate_is_not_used_as_the_rate_that_failed(latency: float) -> None:
    run = Simulation(Bucket(5, burst=1), latency=latency).run(60)

    assert run.successes_per_second(5, 60) >= 4.2
    assert run.throttled_share(5, 60) < 0.08


def test_a_low_limit_is_respected() -> None:
    run = Simulation(Bucket(1, burst=1)).run(600)

    assert run.successes_per_second(60, 600) >= 0.8
    assert run.throttled_share(60, 600) < 0.12


def test_without_throttling_there_is_no_rate() -> None:
    run = Simulation(Unlimited()).run(60)

    assert run.successes_per_second(1, 60) > 0.95 * WORKERS / (0.01 * 1.1 + 0.01)
    assert run.limit.rate.per_second is None


@pytest.mark.parametrize(("share", "latency"), [(0.1, 0.02), (0.1, 0.1), (0.1, 0.5), (0.3, 0.1)])
def test_random_throttling_does_not_reduce_the_rate_much(share: float, latency: float) -> None:
    run = Simulation(RandomlyThrottled(share), latency).run(300)

    # a throttled worker waits at least a quarter of a second, which limits the possible rate
    tries = 1 / (1 - share)
    possible = WORKERS / (latency * 1.1 + (tries - 1) * 0.25 * (1 + share))
    assert run.successes_per_second(60, 300) >= possible / 2
    assert run.successes_per_second(10, 60) >= possible / 3


def test_a_server_with_three_concurrent_requests_gets_about_three() -> None:
    run = Simulation(ConcurrencyLimited(3), 0.1).run(120)

    assert run.successes_per_second(10, 120) > 0.8 * 3 / 0.11
    assert run.throttled_share(10, 120) < 0.05


def test_the_rate_recovers_within_two_minutes_after_a_limit_is_removed() -> None:
    run = Simulation(Changing(Bucket(10, burst=5), Unlimited(), at=120)).run(400)

    assert run.successes_per_second(60, 120) >= 8.0
    assert run.successes_per_second(300, 400) > 150


def test_a_limit_that_starts_late_is_respected() -> None:
    run = Simulation(Changing(Unlimited(), Bucket(10, burst=5), at=60)).run(300)

    assert run.successes_per_second(100, 300) >= 9.0
    assert run.throttled_share(100, 300) < 0.05


def test_few_requests_are_sent_while_all_are_throttled() -> None:
    run = Simulation(Changing(Unlimited(), RandomlyThrottled(1.0), at=10)).run(300)

    assert sum(moment > 100 for moment in run.sent) < 200
    assert (run.limit.rate.per_second or 99) < 0.5


def test_the_rate_recovers_after_an_outage() -> None:
    outage = Changing(RandomlyThrottled(1.0), Unlimited(), at=60)

    run = Simulation(Changing(Unlimited(), outage, at=30)).run(300)

    assert run.successes_per_second(200, 300) > 100


def test_retry_after_delays_every_request() -> None:
    run = Simulation(Bucket(10, burst=20), retry_after=lambda _: 30.0).run(100)

    refused_at = next(moment for moment, good in run.answers if not good)
    assert [moment for moment in run.sent if refused_at < moment < refused_at + 30] == []
    assert any(refused_at + 30 <= moment <= refused_at + 31 for moment in run.sent)


def test_the_longest_retry_after_applies() -> None:
    limit = ConcurrencyLimit(WORKERS, 0.0)

    limit.on_throttle(1.0, 0.0, 30.0)
    limit.on_throttle(2.0, 0.0, 5.0)

    assert limit.paused_until == 31.0


def test_throttled_requests_from_before_the_rate_was_set_do_not_reduce_it() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(1, 21):
        rate.observe(moment / 8, moment / 8, is_success=moment % 2 == 0)
    first = rate.per_second

    for _ in range(50):
        rate.observe(6.0, 1.5, is_success=False)

    assert rate.per_second == first is not None


def test_the_concurrency_grows_with_successful_requests() -> None:
    limit = ConcurrencyLimit(WORKERS, 0.0)
    grown = []

    for _ in range(10):
        grown.append(fill(limit, 1.0))
        limit.on_success(1.0, 1.0)

    assert grown == [2, 3, 4, 5, 6, 7, 8, 8, 8, 8]


def test_a_throttled_request_halves_the_concurrency_once() -> None:
    limit = ConcurrencyLimit(WORKERS, 0.0)
    for _ in range(10):
        limit.on_success(0.5, 0.5)

    limit.on_throttle(1.0, 0.9, None)
    limit.on_throttle(1.0, 0.95, None)
    after_one = fill(limit, 1.0)
    limit.on_throttle(1.2, 1.1, None)

    assert (after_one, fill(limit, 1.2)) == (4, 2)


def test_at_least_one_request_may_always_be_in_flight() -> None:
    limit = ConcurrencyLimit(WORKERS, 0.0)

    for second in range(1, 9):
        limit.on_throttle(second / 10, second / 10 - 0.05, None)

    assert fill(limit, 1.0) == 1


def test_the_start_concurrency_is_limited_by_max_in_flight() -> None:
    assert fill(ConcurrencyLimit(1, 0.0), 0.0) == 1


def fill(limit: ConcurrencyLimit, now: float) -> int:
    """The number of requests that can start at once; all are finished afterwards."""
    count = 0
    while limit.delay(now) <= 0:
        limit.on_start(now)
        count += 1
    for _ in range(count):
        limit.on_finish()
    return count


SERVERS = st.sampled_from(
    [
        lambda: Unlimited(),
        lambda: Bucket(3, 1),
        lambda: Bucket(50, 20),
        lambda: FixedWindow(60, 60),
        lambda: ConcurrencyLimited(1),
        lambda: RandomlyThrottled(0.2),
        lambda: RandomlyThrottled(0.95),
        lambda: Changing(Bucket(5, 5), RandomlyThrottled(0.5), 20),
    ]
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(SERVERS, st.floats(0.05, 3), st.none() | st.floats(0, 20))
def test_max_in_flight_is_respected_and_a_next_request_may_always_start(
    server: Callable[[], Server], latency: float, retry_after: float | None
) -> None:
    told = None if retry_after is None else (lambda _: retry_after)

    run = Simulation(server(), latency, told).run(60)

    assert run.max_in_flight_seen <= WORKERS
    assert run.sent[-1] > 60 - 2 * latency - 30  # the longest wait is one between tries
