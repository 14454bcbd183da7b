"""Fetching in threads: bounded, fair between bots, and ended by closing the pool."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import Cancelled, RateLimiter
from chatislav_source.errors import (
    AuthenticationError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)
from chatislav_source.extract.key_access import KeyAccess
from chatislav_source.extract.worker_pool import WorkerPool, workers_for
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.soon import soon

from .steps import FAILED, SIZE, STREAM, Item, Reads, Steps, queue_of, raising, taken

Begin = Callable[..., WorkerPool]


def assert_true(value: bool) -> None:
    """Assert, as an expression."""
    assert value


def waiting_for(event: threading.Event) -> Reads:
    """Reads that end when `event` is set."""
    return Reads(lambda _: assert_true(event.wait(20)))


def meeting(parties: int) -> Reads:
    """Reads that end when `parties` of them run at the same time."""
    together = threading.Barrier(parties, timeout=20)
    return Reads(lambda _: assert_true(together.wait() >= 0))


def test_every_request_has_one_page_and_then_the_stream_is_over(begin: Begin) -> None:
    pool = begin(Steps(1, 30), Steps(2, 20))

    pages = taken(pool)

    assert sorted((page.bot_id, page.request) for page in pages) == [
        *((1, n) for n in range(30)),
        *((2, n) for n in range(20)),
    ]
    assert pool.is_over(queue_of(pool))
    assert pool.fatal is None
    assert pool.take(queue_of(pool)) is None


def test_a_stream_without_work_is_over_at_once(begin: Begin) -> None:
    assert taken(begin(Steps(1, 0))) == []
    assert taken(begin()) == []


def test_each_page_carries_the_checkpoint_after_it_in_the_order_of_the_responses(
    begin: Begin,
) -> None:
    pages = taken(begin(Steps(1, 50)))

    assert [page.checkpoint["pages"] for page in pages] == list(range(1, 51))


def test_pages_that_are_not_taken_stay_within_the_buffer(begin: Begin) -> None:
    reads = Reads()
    pool = begin(Steps(1, 100, reads), workers=3, buffer_bytes=4 * SIZE)

    assert soon(lambda: len(reads.read_so_far) >= 4)
    at_rest = len(reads.read_so_far)
    pages = taken(pool)

    # every worker may have begun its request before the buffer was full
    assert at_rest <= 4 + 3
    assert len(pages) == 100


def test_the_buffer_is_filled_again_as_pages_are_taken(begin: Begin) -> None:
    reads = Reads()
    pool = begin(Steps(1, 100, reads), workers=1, buffer_bytes=2 * SIZE)
    assert soon(lambda: len(reads.read_so_far) == 2)

    pool.take(queue_of(pool))

    assert soon(lambda: len(reads.read_so_far) == 3)


def test_a_full_buffer_of_one_stream_does_not_stop_the_next(begin: Begin) -> None:
    pool = begin(Steps(1, 100), workers=2, buffer_bytes=SIZE)
    pool.add("analytics", [Steps(1, 5)])

    pages = taken(pool, "analytics")

    assert len(pages) == 5
    assert not pool.is_over(queue_of(pool))


def test_no_page_by_the_deadline_is_none_and_the_stream_is_not_over(begin: Begin) -> None:
    may_go = threading.Event()
    pool = begin(Steps(1, 1, waiting_for(may_go)))

    early = pool.take(queue_of(pool), time.monotonic() - 1)
    was_over = pool.is_over(queue_of(pool))
    may_go.set()

    assert (early, was_over) == (None, False)
    assert len(taken(pool)) == 1


def test_all_workers_send_requests_at_the_same_time(begin: Begin) -> None:
    assert len(taken(begin(Steps(1, 8, meeting(4))))) == 8


def test_a_bot_with_many_requests_does_not_delay_another(begin: Begin) -> None:
    together = threading.Barrier(4, timeout=20)
    meet = Reads(lambda request: assert_true(request > 0 or together.wait() >= 0))

    pages = taken(begin(*(Steps(bot_id, 5, meet) for bot_id in range(4))))

    assert len(pages) == 20


def test_workers_begin_with_one_request_of_each_bot(begin: Begin) -> None:
    together = threading.Barrier(4, timeout=20)
    begun: list[int] = []

    def begun_together(bot_id: int) -> Reads:
        def act(_: int) -> None:
            begun.append(bot_id)
            together.wait()

        return Reads(act)

    taken(begin(*(Steps(bot_id, 4, begun_together(bot_id)) for bot_id in range(4))))

    assert sorted(begun[:4]) == [0, 1, 2, 3]


def test_requests_of_the_stream_added_first_go_first(begin: Begin) -> None:
    may_end = threading.Event()
    first, second = Steps(1, 4, waiting_for(may_end)), Steps(1, 4, meeting(4))
    pool = begin(first)
    assert soon(lambda: first.in_flight == 4)

    pool.add("analytics", [second])
    waited = pool.take(queue_of(pool, "analytics"), time.monotonic() + 0.05)
    in_flight = second.in_flight
    may_end.set()

    assert (waited, in_flight) == (None, 0)
    assert (len(taken(pool, "analytics")), len(taken(pool))) == (4, 4)


def test_a_free_worker_takes_a_request_of_the_stream_that_was_added_first(begin: Begin) -> None:
    both_added = threading.Event()
    order: list[str] = []

    def noting(stream: str) -> Reads:
        def act(_: int) -> None:
            assert both_added.wait(20)
            order.append(stream)

        return Reads(act)

    pool = begin(Steps(1, 3, noting("first")), workers=1)
    pool.add("analytics", [Steps(1, 3, noting("second"))])
    both_added.set()

    assert (len(taken(pool)), len(taken(pool, "analytics"))) == (3, 3)
    assert order == ["first"] * 3 + ["second"] * 3


@pytest.mark.parametrize("workers", [4, workers_for(8)])
def test_a_stream_has_the_workers_that_the_earlier_one_leaves(begin: Begin, workers: int) -> None:
    may_end = threading.Event()
    first, second = (Steps(1, count, waiting_for(may_end)) for count in (1, 20))
    pool = begin(first, workers=workers)
    assert soon(lambda: first.in_flight == 1)

    pool.add("analytics", [second])
    assert soon(lambda: second.in_flight == workers - 1)
    waited = pool.take(queue_of(pool, "analytics"), time.monotonic() + 0.05)
    in_flight = second.in_flight
    may_end.set()

    assert (waited, in_flight) == (None, workers - 1)
    assert (len(taken(pool, "analytics")), len(taken(pool))) == (20, 1)


def test_a_stream_has_all_workers_after_the_earlier_stream_is_over(begin: Begin) -> None:
    pool = begin(Steps(1, 1))
    assert len(taken(pool)) == 1

    pool.add("analytics", [Steps(1, 4, meeting(4))])

    assert len(taken(pool, "analytics")) == 4


def test_a_response_that_makes_several_requests_possible_wakes_all_workers(
    begin: Begin,
) -> None:
    may_end = threading.Event()
    together = threading.Barrier(4, timeout=20)

    def act(number: int) -> None:
        if number:
            together.wait()
            return
        assert may_end.wait(20)
        steps.at_once = 5

    steps = Steps(1, 5, Reads(act), at_once=1)
    pool = begin(steps)
    assert soon(lambda: len(pool._idle._waiters) == 3)  # type: ignore[attr-defined]
    may_end.set()

    assert len(taken(pool)) == 5


def test_a_stream_is_not_waiting_while_a_page_can_be_taken(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.worker_pool.LULL_SECONDS", 0.0)
    may_end = threading.Event()
    reads = Reads(lambda number: assert_true(number == 0 or may_end.wait(20)))

    pool = begin(Steps(1, 2, reads), workers=8)
    assert soon(lambda: not queue_of(pool).is_empty)
    at_first = (pool.is_waiting(queue_of(pool)), pool.is_slow(queue_of(pool)))
    pool.take(queue_of(pool))

    assert at_first == (False, False)
    assert soon(lambda: pool.is_waiting(queue_of(pool)) and pool.is_slow(queue_of(pool)))
    may_end.set()


def test_a_stream_is_slow_while_it_has_few_requests_to_send(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.worker_pool.LULL_SECONDS", 0.0)
    may_end = threading.Event()
    few, many = (Steps(1, count, waiting_for(may_end)) for count in (1, 9))

    slow, busy = begin(few, workers=8), begin(many, workers=8)

    assert soon(lambda: slow.is_slow(queue_of(slow)))
    assert soon(lambda: many.in_flight == 8)
    assert not busy.is_slow(queue_of(busy))
    may_end.set()


def test_pages_in_flight_when_a_bot_is_aborted_are_still_returned(begin: Begin) -> None:
    both, aborted = threading.Barrier(2, timeout=20), threading.Event()

    def act(request: int) -> None:
        both.wait()
        if request == 0:
            raise AuthenticationError(403)
        aborted.wait(20)

    pool = begin(Steps(1, 2, Reads(act)), workers=2)
    first = pool.take(queue_of(pool), time.monotonic() + 20)
    was_over = pool.is_over(queue_of(pool))
    aborted.set()

    assert (first and first.item, was_over) == (None, False)
    assert [page.item for page in taken(pool)] == [Item(1)]


def test_a_failing_bot_does_not_stop_the_others(begin: Begin) -> None:
    bad, good = Steps(1, 5, raising(FAILED)), Steps(2, 5)

    pages = taken(begin(bad, good))

    assert [page.item for page in pages if page.bot_id == 1] == [None] * 5
    assert sum(page.item is not None for page in pages) == 5
    assert (bad.state["errors"], good.done) == (5, True)


def test_the_requests_of_a_failed_page_are_counted(begin: Begin) -> None:
    failed = RetriesExhaustedError("/conversations", "bot 1", 8, "HTTP 500")
    failed.requests = 8

    pages = taken(begin(Steps(1, 1, raising(failed))))

    assert [page.failed_requests for page in pages] == [8]


def test_the_requests_of_a_page_that_its_partition_refuses_are_counted(begin: Begin) -> None:
    partition = Steps(1, 1)
    problem = UnexpectedResponseError("/conversations", "bot 1", "the page token came before")
    partition.on_page = failing(problem)  # type: ignore[method-assign]

    assert [page.failed_requests for page in taken(begin(partition))] == [1]


def test_the_same_warning_is_said_once(begin: Begin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="chatislav_source")

    taken(begin(Steps(1, 5, raising(FAILED)), Steps(2, 5, raising(FAILED))))

    assert [record.getMessage() for record in caplog.records] == [str(FAILED)]


def test_a_page_that_its_partition_refuses_counts_as_failed(begin: Begin) -> None:
    partition = Steps(1, 3)
    problem = UnexpectedResponseError("/conversations", "bot 1", "the page token came before")
    partition.on_page = failing(problem)  # type: ignore[method-assign]

    pages = taken(begin(partition))

    assert [page.item for page in pages] == [None] * 3
    assert partition.warnings == [str(problem)] * 3


@pytest.mark.parametrize("where", ["read", "next_request", "on_page", "on_error"])
def test_a_defect_is_the_error_that_ends_the_run(begin: Begin, where: str) -> None:
    defect = ZeroDivisionError("a slip")
    raised = {"read": defect, "on_error": FAILED}.get(where)
    partition = Steps(1, 50, raising(raised, at=10) if raised else None)
    if where != "read":
        setattr(partition, where, failing(defect))

    pool = begin(partition, Steps(2, 10**6), workers=2)
    taken(pool)

    assert pool.fatal is defect
    assert pool.is_over(queue_of(pool))


def test_a_defect_in_one_stream_ends_the_other_without_losing_its_pages(begin: Begin) -> None:
    may_fail = threading.Event()
    first, second = Steps(1, 1, Reads(lambda _: fail_after(may_fail))), Steps(1, 3)
    pool = begin(first, workers=2)
    assert soon(lambda: first.in_flight == 1)

    pool.add("analytics", [second])
    assert soon(lambda: second.done)
    may_fail.set()

    assert len(taken(pool, "analytics")) == 3
    assert taken(pool) == []
    assert isinstance(pool.fatal, ZeroDivisionError)


def fail_after(event: threading.Event) -> None:
    """Wait for `event`, then raise an error that is a defect."""
    assert event.wait(20)
    raise ZeroDivisionError


def failing(defect: Exception) -> Callable[..., Any]:
    """A method that raises `defect`."""

    def broken(*_: Any) -> Any:
        raise defect

    return broken


def test_after_closing_no_request_is_begun(begin: Begin) -> None:
    reads = Reads()
    pool = begin(Steps(1, 10**6, reads), workers=2, buffer_bytes=SIZE)

    pool.close()
    read = len(reads.read_so_far)

    assert len(taken(pool)) <= read
    assert not any(thread.is_alive() for thread in pool._threads)


def test_cancelled_requests_have_no_page(begin: Begin) -> None:
    reads = raising(Cancelled())
    partition = Steps(1, 3, reads, at_once=1)
    pool = begin(partition, workers=1)
    assert soon(lambda: partition.in_flight == 1 and not queue_of(pool).in_flight)

    pool.close()

    assert taken(pool) == []
    assert pool.fatal is None


def post(request: int, client: ChatislavClient) -> Item:
    """Send a request over HTTP."""
    client.post("/conversations", {"bot_id": 1, "limit": 1}, "bot 1", lambda body: body)
    return Item(request)


def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    with Sandbox(World.generate(bot_ids=(1,), conversations=1)) as api:
        api.configure(faults={"hang": 1.0})
        client = ChatislavClient(api.base_url, (SANDBOX_KEY,), RateLimiter(8))
        pool = WorkerPool(client, KeyAccess(), workers=2)
        pool.add(STREAM, [Steps(1, 9, post)])
        assert soon(lambda: api.max_in_flight == 2)

        began = time.monotonic()
        client.cancel()
        pool.close()
        seconds = time.monotonic() - began
        client.close()

    assert seconds < 4.0
    assert not any(thread.is_alive() for thread in pool._threads)
    assert pool.fatal is None


def test_a_thread_that_cannot_be_interrupted_is_left_behind(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.worker_pool.CLOSE_SECONDS", 0.05)
    may_go = threading.Event()
    partition = Steps(1, 1, waiting_for(may_go))
    pool = begin(partition, workers=1)
    assert soon(lambda: partition.in_flight == 1)

    pool.close()

    assert pool._threads[0].is_alive()
    may_go.set()
    pool._threads[0].join(20)
