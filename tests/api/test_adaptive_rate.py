"""The adaptive rate with simulated servers and a simulated clock: high use, few throttled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatislav_source.api.adaptive_rate import LOWEST_RATE, AdaptiveRate
from chatislav_source.api.pace import Pace, Start
from tests.api.simulation import (
    MAX_IN_FLIGHT,
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

    assert run.successes_per_second(1, 60) > 0.95 * MAX_IN_FLIGHT / (0.01 * 1.1 + 0.01)
    assert run.pace.rate.per_second is None


@pytest.mark.parametrize(("share", "latency"), [(0.1, 0.02), (0.1, 0.1), (0.1, 0.5), (0.3, 0.1)])
def test_random_throttling_does_not_reduce_the_rate_much(share: float, latency: float) -> None:
    run = Simulation(RandomlyThrottled(share), latency, is_limit=False).run(300)

    # a throttled worker waits at least a quarter of a second, which limits the possible rate
    tries = 1 / (1 - share)
    possible = MAX_IN_FLIGHT / (latency * 1.1 + (tries - 1) * 0.25 * (1 + share))
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
    assert (run.pace.rate.per_second or 99) < 0.5


def test_the_rate_recovers_after_an_outage() -> None:
    outage = Changing(RandomlyThrottled(1.0), Unlimited(), at=60)

    run = Simulation(Changing(Unlimited(), outage, at=30)).run(300)

    assert run.successes_per_second(200, 300) > 100


def test_retry_after_delays_every_request() -> None:
    run = Simulation(Bucket(10, burst=20), retry_after=lambda _: 30.0).run(100)

    refused_at = next(moment for moment, result in run.answers if result == "refused")
    assert [moment for moment in run.sent if refused_at < moment < refused_at + 30] == []
    assert any(refused_at + 30 <= moment <= refused_at + 31 for moment in run.sent)


def test_the_longest_retry_after_applies() -> None:
    pace = Pace(MAX_IN_FLIGHT, 0.0)

    pace.on_refused(1.0, Start(0.0, 1), 30.0, is_limit=True)
    pace.on_refused(2.0, Start(0.0, 1), 5.0, is_limit=True)

    assert pace.paused_until == 31.0


def test_throttled_requests_from_before_the_rate_was_set_do_not_reduce_it() -> None:
    rate = AdaptiveRate(0.0)
    for _ in range(20):
        rate.on_success()
    rate.on_refused(2.0, 1.9, 0.0, is_explicit=True)
    first = rate.per_second

    for _ in range(50):
        rate.on_refused(6.0, 1.5, 0.0, is_explicit=True)

    assert rate.per_second == first is not None


def test_the_rate_goes_back_with_the_next_success_after_all_were_refused() -> None:
    rate = AdaptiveRate(0.0)
    for _ in range(100):
        rate.on_success()
    rate.on_refused(10.0, 9.9, 0.0, is_explicit=True)
    first = rate.per_second
    for second in range(11, 30):
        rate.on_refused(float(second), second - 0.1, 0.0, is_explicit=True)
    lowest = rate.per_second

    rate.on_success()

    assert first == pytest.approx(9.5)
    assert lowest == LOWEST_RATE
    assert rate.per_second == first


def test_a_pause_makes_the_measured_limit_lower() -> None:
    measured = []
    for pause in (0.0, 30.0):
        rate = AdaptiveRate(0.0)
        for _ in range(60):
            rate.on_success()
        rate.on_refused(10.0, 9.9, 10.0 + pause, is_explicit=True)
        measured.append(rate.per_second)

    # 60 in 10 s; and the mean of 60 in 10 s and 60 in 40 s
    assert measured == pytest.approx([0.95 * 6, 0.95 * 3])


def test_a_few_503s_are_chance_and_many_are_a_limit() -> None:
    rate = AdaptiveRate(0.0)

    for number in range(100):
        if number % 20 == 0:
            rate.on_refused(number / 10, number / 10, 0.0, is_explicit=False)
        rate.on_success()
    after_few = rate.per_second
    for _ in range(5):
        rate.on_refused(10.0, 10.0, 0.0, is_explicit=False)

    assert after_few is None
    assert rate.per_second is not None


def test_the_ceiling_is_never_exceeded_and_needs_no_refusal() -> None:
    run = Simulation(Unlimited(), 0.1, pace=Pace(MAX_IN_FLIGHT, 0.0, ceiling=5.0)).run(60)

    assert run.successes_per_second(0, 60) == pytest.approx(5.0, rel=0.02)


def test_a_limit_below_the_ceiling_is_found() -> None:
    pace = Pace(MAX_IN_FLIGHT, 0.0, ceiling=20.0)

    run = Simulation(Bucket(10, burst=5), 0.1, pace=pace).run(300)

    assert run.successes_per_second(10, 300) >= 9.0
    assert run.throttled_share(10, 300) < 0.05


def test_the_concurrency_grows_with_successful_requests() -> None:
    pace = Pace(MAX_IN_FLIGHT, 0.0)
    grown = []

    for _ in range(10):
        grown.append(fill(pace, 1.0))
        pace.on_success(1.0, Start(1.0, 1))

    assert grown == [2, 3, 4, 5, 6, 7, 8, 8, 8, 8]


def test_a_refused_request_lowers_the_rate_and_not_the_concurrency() -> None:
    pace = Pace(MAX_IN_FLIGHT, 0.0)
    for _ in range(10):
        pace.on_success(0.5, Start(0.5, 4))

    pace.on_refused(1.0, Start(0.9, 8), None, is_limit=True)

    assert pace.rate.per_second == pytest.approx(9.5)
    assert pace.concurrency.limit == MAX_IN_FLIGHT


def test_at_least_one_request_may_always_be_in_flight() -> None:
    pace = Pace(MAX_IN_FLIGHT, 0.0)

    for second in range(1, 200):
        pace.on_success(float(second), Start(second - 0.01, 1))
        pace.on_refused(float(second), Start(second - 0.01, 2), None, is_limit=True)

    assert pace.concurrency.allowed == 1
    assert fill(pace, 1000.0) == 1


def test_the_concurrency_that_works_is_found_and_more_is_tried_from_time_to_time() -> None:
    run = Simulation(ConcurrencyLimited(3), 0.1).run(120)

    assert run.pace.concurrency.allowed == 3
    assert run.throttled_share(10, 120) > 0


def test_the_concurrency_grows_again_when_the_api_allows_more() -> None:
    run = Simulation(Changing(ConcurrencyLimited(2), Unlimited(), at=60), 0.1).run(400)

    assert run.successes_per_second(380, 400) > 0.9 * MAX_IN_FLIGHT / 0.1


def test_the_start_concurrency_is_limited_by_max_in_flight() -> None:
    assert fill(Pace(1, 0.0), 0.0) == 1


def fill(pace: Pace, now: float) -> int:
    """The number of requests that can start at once; all are finished afterwards."""
    count = 0
    while pace.delay(now) <= 0:
        pace.on_start(now)
        count += 1
    for _ in range(count):
        pace.on_finish()
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

    assert run.max_in_flight_seen <= MAX_IN_FLIGHT
    assert run.sent[-1] > 60 - 2 * latency - 30  # the longest wait is one between tries
