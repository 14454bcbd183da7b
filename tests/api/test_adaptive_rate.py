"""The adaptive rate, against simulated servers and a simulated clock: fast, and polite."""

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
    FewAtOnce,
    FixedWindow,
    Free,
    Moody,
    Server,
    Simulation,
)


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
    assert run.limit.rate.per_second is None


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
    assert (run.limit.rate.per_second or 99) < 0.5


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
    limit = ConcurrencyLimit(WORKERS, 0.0)

    limit.on_throttle(1.0, 0.0, 30.0)
    limit.on_throttle(2.0, 0.0, 5.0)

    assert limit.paused_until == 31.0


def test_refusals_of_requests_that_were_sent_before_a_pace_was_set_do_not_slow_it() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(1, 21):
        rate.observe(moment / 8, moment / 8, is_success=moment % 2 == 0)
    first = rate.per_second

    for _ in range(50):
        rate.observe(6.0, 1.5, is_success=False)

    assert rate.per_second == first is not None


def test_requests_in_flight_begin_with_few_and_grow_while_answers_are_good() -> None:
    limit = ConcurrencyLimit(WORKERS, 0.0)
    grown = []

    for _ in range(10):
        grown.append(fill(limit, 1.0))
        limit.on_success(1.0, 1.0)

    assert grown == [2, 3, 4, 5, 6, 7, 8, 8, 8, 8]


def test_a_refusal_halves_them_and_others_sent_before_it_do_not_again() -> None:
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


def test_fewer_than_the_first_few_are_asked_for_where_only_one_may_be_in_flight() -> None:
    assert fill(ConcurrencyLimit(1, 0.0), 0.0) == 1


def fill(limit: ConcurrencyLimit, now: float) -> int:
    """How many requests may be in flight at once; none is afterwards."""
    count = 0
    while limit.delay(now) <= 0:
        limit.on_start(now)
        count += 1
    for _ in range(count):
        limit.on_finish()
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
