"""Fetching in threads: in bounds, each bot for itself, and over as soon as it is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import Cancelled, RateLimiter
from chatislav_source.errors import (
    AuthenticationError,
    BotAccessError,
    ChatislavError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)
from chatislav_source.runner import company
from chatislav_source.runner.worker_pool import (
    ExtractedPage,
    Job,
    Readable,
    WorkerPool,
    refusals_told_apart,
)
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.streams.state import State
from tests.soon import soon

FAILED = RetriesExhaustedError("/conversations", "bot 1", 8, "HTTP 500")
SIZE = 10


@dataclass(frozen=True)
class Result:
    """What a request gave."""

    number: int
    size: int = SIZE


class Steps:
    """A reading of so many numbered steps; its state counts what was answered and what failed."""

    def __init__(self, bot_id: int, steps: int, at_once: int = 99) -> None:
        self.bot_id = bot_id
        self.reader: Reads | Posts = Reads()
        self.state: State = {"answered": 0, "failed": 0}
        self.error: ChatislavError | None = None
        self.warnings: list[str] = []
        self.done = steps == 0
        self._todo = list(range(steps))
        self._steps, self._at_once, self._in_flight = steps, at_once, 0

    def next_request(self) -> int | None:
        if self.error or not self._todo or self._in_flight >= self._at_once:
            return None
        self._in_flight += 1
        return self._todo.pop(0)

    def read(self, request: int, client: Any) -> Result:
        return self.reader.read(request, client)

    def on_page(self, request: int, result: Result) -> State:
        assert request == result.number
        return self._told("answered")

    def on_error(self, request: int, error: ChatislavError) -> State:
        assert request < self._steps
        self.warnings.append(str(error))
        return self._told("failed")

    def abort(self, error: ChatislavError) -> None:
        self.error = error

    def _told(self, what: str) -> State:
        self._in_flight -= 1
        self.state = {**self.state, what: self.state[what] + 1}
        self.done = self.state["answered"] + self.state["failed"] == self._steps
        return self.state


@dataclass
class Reads:
    """A reader that gives each request's number back, or does what `act` does."""

    act: Callable[[int], None] = lambda _: None
    read_so_far: list[int] = field(default_factory=list)

    def read(self, request: int, _: Any) -> Result:
        self.act(request)
        self.read_so_far.append(request)
        return Result(request)


def raising(error: BaseException, at: int = 0) -> Reads:
    """A reader that fails from a request on."""

    def act(request: int) -> None:
        if request >= at:
            raise error

    return Reads(act)


def job_of(steps: Steps, reader: Reads | Posts) -> Job:
    """A job whose requests `reader` fetches."""
    steps.reader = reader
    return Job(steps)


@pytest.fixture(autouse=True)
def _all_workers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test need wait until a crawl has found out that it waits for answers."""
    monkeypatch.setattr(company, "FEWEST", 99)


@pytest.fixture
def begin() -> Iterator[Callable[..., WorkerPool]]:
    """Begins crawls, which are closed at the end."""
    begun: list[WorkerPool] = []

    def make(
        *jobs: Job, workers: int = 4, readable: Readable | None = None, **more: Any
    ) -> WorkerPool:
        no_client: Any = None
        begun.append(WorkerPool(jobs, no_client, readable or Readable(), workers, **more))
        return begun[-1]

    yield make
    for crawl in begun:
        crawl.close()


def pieces(crawl: WorkerPool) -> list[ExtractedPage]:
    """All pieces, in the order they are handed out."""
    return list(iter(lambda: crawl.take(time.monotonic() + 20), None))


def test_every_request_gives_one_piece_and_then_it_is_over(
    begin: Callable[..., WorkerPool],
) -> None:
    crawl = begin(job_of(Steps(1, 30), Reads()), job_of(Steps(2, 20), Reads()))

    taken = pieces(crawl)

    assert sorted((p.bot_id, p.request) for p in taken) == [
        *((1, n) for n in range(30)),
        *((2, n) for n in range(20)),
    ]
    assert crawl.is_over
    assert crawl.fatal is None
    assert crawl.take() is None


def test_a_crawl_without_work_is_over_at_once(begin: Callable[..., WorkerPool]) -> None:
    assert pieces(begin(job_of(Steps(1, 0), Reads()))) == []
    assert pieces(begin()) == []


def test_each_piece_carries_the_state_after_it_in_the_order_of_the_answers(
    begin: Callable[..., WorkerPool],
) -> None:
    taken = pieces(begin(job_of(Steps(1, 50), Reads())))

    assert [piece.state["answered"] for piece in taken] == list(range(1, 51))


def test_what_is_not_taken_stays_within_the_buffer(begin: Callable[..., WorkerPool]) -> None:
    reader = Reads()
    crawl = begin(job_of(Steps(1, 100), reader), workers=3, buffer_bytes=4 * SIZE)

    assert soon(lambda: len(reader.read_so_far) >= 4)
    at_rest = len(reader.read_so_far)
    taken = pieces(crawl)

    # every worker may have begun its request before the buffer was full
    assert at_rest <= 4 + 3
    assert len(taken) == 100


def test_how_long_each_piece_was_waited_for_is_told(
    begin: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, float]] = []
    monkeypatch.setattr(company.Company, "took", lambda _, asked, got: told.append((asked, got)))
    started = time.monotonic()

    pieces(begin(job_of(Steps(1, 5), Reads())))

    moments = [moment for pair in told for moment in pair]
    assert len(told) == 6  # the last finds that there are no more
    assert moments == sorted(moments)
    assert started <= moments[0] <= moments[-1] <= time.monotonic()


def test_how_much_of_the_buffer_is_filled_is_told_of_each_answer(
    begin: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    monkeypatch.setattr(company.Company, "worked", lambda *given: told.append(given[-1]))

    begin(job_of(Steps(1, 100), Reads()), workers=1, buffer_bytes=4 * SIZE)

    assert soon(lambda: len(told) == 4)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_the_buffer_is_filled_again_as_pieces_are_taken(begin: Callable[..., WorkerPool]) -> None:
    reader = Reads()
    crawl = begin(job_of(Steps(1, 100), reader), workers=1, buffer_bytes=2 * SIZE)
    assert soon(lambda: len(reader.read_so_far) == 2)

    crawl.take()

    assert soon(lambda: len(reader.read_so_far) == 3)


def test_no_piece_by_the_deadline_is_none_and_not_the_end(begin: Callable[..., WorkerPool]) -> None:
    may_go = threading.Event()
    crawl = begin(job_of(Steps(1, 1), Reads(lambda _: assert_true(may_go.wait(20)))))

    early = crawl.take(time.monotonic() - 1)
    was_over = crawl.is_over
    may_go.set()

    assert (early, was_over) == (None, False)
    assert len(pieces(crawl)) == 1


def assert_true(value: bool) -> None:
    """As an expression."""
    assert value


def test_requests_are_read_at_once_by_as_many_workers_as_there_are(
    begin: Callable[..., WorkerPool],
) -> None:
    together = threading.Barrier(4, timeout=20)

    taken = pieces(begin(job_of(Steps(1, 8), Reads(lambda _: assert_true(together.wait() >= 0)))))

    assert len(taken) == 8


def test_no_bot_waits_while_another_has_much_to_do(begin: Callable[..., WorkerPool]) -> None:
    together = threading.Barrier(4, timeout=20)
    meet = Reads(lambda request: assert_true(request > 0 or together.wait() >= 0))
    jobs = [job_of(Steps(bot_id, 5), meet) for bot_id in range(4)]

    taken = pieces(begin(*jobs))

    assert len(taken) == 20


def test_workers_begin_with_one_request_of_each_bot(begin: Callable[..., WorkerPool]) -> None:
    together = threading.Barrier(4, timeout=20)
    begun: list[int] = []

    def begun_together(bot_id: int) -> Callable[[int], None]:
        def act(_: int) -> None:
            begun.append(bot_id)
            together.wait()

        return act

    jobs = [job_of(Steps(bot_id, 4), Reads(begun_together(bot_id))) for bot_id in range(4)]
    pieces(begin(*jobs))

    assert sorted(begun[:4]) == [0, 1, 2, 3]


def test_a_crawl_leaves_the_turns_to_the_one_before_it(begin: Callable[..., WorkerPool]) -> None:
    may_end = threading.Event()
    first_reads = Reads(lambda _: assert_true(may_end.wait(20)))
    together = threading.Barrier(5, timeout=20)
    next_reads = Reads(lambda _: assert_true(together.wait() >= 0))
    first = begin(job_of(Steps(1, 4), first_reads), workers=4)
    assert soon(lambda: first.jobs[0].in_flight == 4)

    second = begin(job_of(Steps(1, 4), next_reads), workers=4, before=first)
    waited = second.take(time.monotonic() + 0.05)
    in_flight = second.jobs[0].in_flight
    may_end.set()
    together.wait()

    assert (waited, in_flight) == (None, 0)
    assert (len(pieces(second)), len(pieces(first))) == (4, 4)


def test_a_crawl_takes_the_turns_that_the_one_before_it_has_no_use_for(
    begin: Callable[..., WorkerPool],
) -> None:
    may_end = threading.Event()
    wait = Reads(lambda _: assert_true(may_end.wait(20)))
    first = begin(job_of(Steps(1, 1), wait), workers=4)
    assert soon(lambda: first.jobs[0].in_flight == 1)

    second = begin(job_of(Steps(1, 6), wait), workers=4, before=first)
    assert soon(lambda: second.jobs[0].in_flight == 3)
    waited = second.take(time.monotonic() + 0.05)
    in_flight = second.jobs[0].in_flight
    may_end.set()

    assert (waited, in_flight) == (None, 3)
    assert (len(pieces(second)), len(pieces(first))) == (6, 1)


def test_together_with_the_one_before_it_a_crawl_has_no_more_requests_than_may_be_in_flight(
    begin: Callable[..., WorkerPool],
) -> None:
    may_end = threading.Event()
    wait = Reads(lambda _: assert_true(may_end.wait(20)))
    first = begin(job_of(Steps(1, 1), wait), workers=company.workers_for(8))
    assert soon(lambda: first.jobs[0].in_flight == 1)

    second = begin(job_of(Steps(1, 20), wait), workers=company.workers_for(8), before=first)
    assert soon(lambda: second.jobs[0].in_flight == 7)
    waited = second.take(time.monotonic() + 0.05)
    in_flight = second.jobs[0].in_flight
    may_end.set()

    assert (waited, in_flight) == (None, 7)
    assert (len(pieces(second)), len(pieces(first))) == (20, 1)


def test_after_the_crawl_before_it_a_crawl_has_all_its_workers(
    begin: Callable[..., WorkerPool],
) -> None:
    first = begin(job_of(Steps(1, 1), Reads()), workers=4)
    first.company.size = 1  # as if it had been busy
    assert len(pieces(first)) == 1
    together = threading.Barrier(4, timeout=20)

    second = begin(
        job_of(Steps(1, 4), Reads(lambda _: assert_true(together.wait() >= 0))),
        workers=4,
        before=first,
    )

    assert len(pieces(second)) == 4


def test_one_answer_that_makes_several_requests_possible_has_all_workers_at_work(
    begin: Callable[..., WorkerPool],
) -> None:
    may_end = threading.Event()
    together = threading.Barrier(4, timeout=20)
    steps = Steps(1, 5, at_once=1)

    def act(number: int) -> None:
        if number:
            together.wait()
            return
        assert may_end.wait(20)
        steps._at_once = 5

    crawl = begin(job_of(steps, Reads(act)), workers=4)
    assert soon(lambda: len(crawl._idle._waiters) == 3)  # type: ignore[attr-defined]
    may_end.set()

    assert len(pieces(crawl)) == 5


def test_a_defect_in_one_crawl_leaves_the_next_its_turns(begin: Callable[..., WorkerPool]) -> None:
    may_fail = threading.Event()

    def act(_: int) -> None:
        assert may_fail.wait(20)
        raise ZeroDivisionError

    first = begin(job_of(Steps(1, 3), Reads(act)), workers=1)
    assert soon(lambda: first.jobs[0].in_flight == 1)
    second = begin(job_of(Steps(1, 3), Reads()), workers=1, before=first)
    assert soon(lambda: len(second._idle._waiters) == 1)  # type: ignore[attr-defined]
    may_fail.set()

    assert [second.take(time.monotonic() + 20) is not None for _ in range(3)] == [True] * 3
    assert isinstance(first.fatal, ZeroDivisionError)


def test_answers_are_not_waited_for_as_long_as_one_is_there(
    begin: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.runner.worker_pool.LULL_SECONDS", 0.0)
    may_end = threading.Event()
    reads = Reads(lambda number: assert_true(number == 0 or may_end.wait(20)))

    crawl = begin(job_of(Steps(1, 2), reads), workers=8)
    assert soon(lambda: bool(crawl._pieces))
    at_first = (crawl.waits, crawl.is_slow)
    crawl.take()

    assert at_first == (False, False)
    assert soon(lambda: crawl.waits and crawl.is_slow)
    may_end.set()


def test_a_crawl_is_slow_while_it_has_few_requests_to_send(
    begin: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.runner.worker_pool.LULL_SECONDS", 0.0)
    may_end = threading.Event()
    wait = Reads(lambda _: assert_true(may_end.wait(20)))

    idle = begin(job_of(Steps(1, 1), wait), workers=8)
    busy = begin(job_of(Steps(1, 9), wait), workers=8)
    monkeypatch.setattr(company, "FEWEST", 7)
    quick = begin(job_of(Steps(1, 1), wait), workers=8)  # for all it knows, it is busy

    assert soon(lambda: idle.is_slow)
    assert soon(lambda: busy.jobs[0].in_flight == 8)
    assert not busy.is_slow
    assert soon(lambda: quick.jobs[0].in_flight == 1)
    assert not quick.is_slow
    may_end.set()


def test_what_is_in_flight_when_a_bot_is_stopped_is_still_handed_on(
    begin: Callable[..., WorkerPool],
) -> None:
    reading = Steps(1, 2)
    both, stopped = threading.Barrier(2, timeout=20), threading.Event()

    def act(request: int) -> None:
        both.wait()
        if request == 0:
            raise AuthenticationError(403)
        stopped.wait(20)

    crawl = begin(job_of(reading, Reads(act)), workers=2)
    first = crawl.take(time.monotonic() + 20)
    was_over = crawl.is_over
    stopped.set()

    assert (first and first.result, was_over) == (None, False)
    assert [piece.result for piece in pieces(crawl)] == [Result(1)]


def test_a_failing_bot_does_not_stop_the_others(begin: Callable[..., WorkerPool]) -> None:
    bad, good = Steps(1, 5), Steps(2, 5)

    taken = pieces(begin(job_of(bad, raising(FAILED)), job_of(good, Reads())))

    assert [piece.result for piece in taken if piece.bot_id == 1] == [None] * 5
    assert sum(piece.result is not None for piece in taken) == 5
    assert (bad.state["failed"], good.done) == (5, True)


def test_an_answer_that_the_reading_refuses_counts_as_failed(
    begin: Callable[..., WorkerPool],
) -> None:
    reading = Steps(1, 3)
    problem = UnexpectedResponseError("/conversations", "bot 1", "the page token came before")
    reading.on_page = failing(reading.on_page, problem)  # type: ignore[method-assign]

    taken = pieces(begin(job_of(reading, Reads())))

    assert [piece.result for piece in taken] == [None] * 3
    assert reading.warnings == [str(problem)] * 3


@pytest.mark.parametrize("where", ["read", "next_request", "on_page", "on_error"])
def test_a_defect_ends_the_run_with_itself(begin: Callable[..., WorkerPool], where: str) -> None:
    defect = ZeroDivisionError("a slip")
    reading = Steps(1, 50)
    reader = Reads()
    if where == "read":
        reader = raising(defect, at=10)
    elif where == "on_error":
        reader = raising(FAILED, at=10)
    if where != "read":
        setattr(reading, where, failing(getattr(reading, where), defect))

    crawl = begin(job_of(reading, reader), job_of(Steps(2, 10**6), Reads()), workers=2)
    pieces(crawl)

    assert crawl.fatal is defect
    assert crawl.is_over


def failing(method: Callable[..., Any], defect: Exception) -> Callable[..., Any]:
    """A method that is broken."""

    def broken(*_: Any) -> Any:
        assert method
        raise defect

    return broken


def test_one_refused_bot_is_stopped_and_the_others_go_on(begin: Callable[..., WorkerPool]) -> None:
    refused, good = Steps(1, 5, at_once=1), Steps(2, 5)
    readable = Readable()
    jobs = [job_of(refused, raising(AuthenticationError(403))), job_of(good, Reads())]

    crawl = begin(*jobs, readable=readable)
    taken = pieces(crawl)

    assert sum(piece.bot_id == 1 for piece in taken) == 1
    assert (crawl.fatal, good.done, readable.bots) == (None, True, {2})
    assert refusals_told_apart(jobs, readable) is None
    assert isinstance(refused.error, BotAccessError)
    assert (refused.error.bot_id, refused.error.status) == (1, 403)


def test_a_key_that_no_bot_accepts_is_refused(begin: Callable[..., WorkerPool]) -> None:
    readable, refusal = Readable(), AuthenticationError(401)
    jobs = [job_of(Steps(bot_id, 5), raising(refusal)) for bot_id in (1, 2)]

    pieces(begin(*jobs, readable=readable))

    assert refusals_told_apart(jobs, readable) is refusal


def test_a_key_that_is_revoked_midway_ends_the_run(begin: Callable[..., WorkerPool]) -> None:
    revoked = AuthenticationError(401)

    crawl = begin(
        job_of(Steps(1, 10, at_once=1), raising(revoked, at=3)), job_of(Steps(2, 10**6), Reads())
    )
    taken = pieces(crawl)

    assert crawl.fatal is revoked
    assert sum(piece.bot_id == 1 and piece.result is not None for piece in taken) == 3


def test_a_bot_that_another_crawl_could_read_tells_of_a_revoked_key(
    begin: Callable[..., WorkerPool],
) -> None:
    revoked, readable = AuthenticationError(401), Readable()
    readable.add(1)

    crawl = begin(job_of(Steps(1, 5), raising(revoked)), readable=readable)
    pieces(crawl)

    assert crawl.fatal is revoked


def test_a_bot_that_is_forbidden_to_one_crawl_only_ends_that_one(
    begin: Callable[..., WorkerPool],
) -> None:
    readable, reading = Readable(), Steps(1, 5)
    readable.add(1)
    job = job_of(reading, raising(AuthenticationError(403)))

    crawl = begin(job, readable=readable)
    pieces(crawl)

    assert crawl.fatal is None
    assert refusals_told_apart([job], readable) is None
    assert isinstance(reading.error, BotAccessError)
    assert reading.error.only_here


def test_after_closing_no_request_is_begun(begin: Callable[..., WorkerPool]) -> None:
    reader = Reads()
    crawl = begin(job_of(Steps(1, 10**6), reader), workers=2, buffer_bytes=SIZE)

    crawl.close()
    read = len(reader.read_so_far)

    assert len(pieces(crawl)) <= read
    assert not any(thread.is_alive() for thread in crawl._threads)


def test_threads_that_are_stopped_leave_without_a_piece(begin: Callable[..., WorkerPool]) -> None:
    crawl = begin(job_of(Steps(1, 3, at_once=1), raising(Cancelled())), workers=1)
    assert soon(lambda: crawl.jobs[0].in_flight == 0)

    crawl.close()

    assert pieces(crawl) == []
    assert crawl.fatal is None


@dataclass
class Posts:
    """A reader that really asks."""

    def read(self, request: int, client: ChatislavClient) -> Result:
        client.post("/conversations", {"bot_id": 1, "limit": 1}, "bot 1", lambda _: None)
        return Result(request)


def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    stop = threading.Event()
    with Sandbox(World.generate(bot_ids=(1,), conversations=1)) as api:
        api.configure(faults={"hang": 1.0})
        client = ChatislavClient(api.base_url, (SANDBOX_KEY,), RateLimiter(8, stop), stop)
        crawl = WorkerPool([job_of(Steps(1, 9), Posts())], client, Readable(), workers=2)
        assert soon(lambda: api.max_in_flight == 2)

        began = time.monotonic()
        client.interrupt()
        crawl.close()
        seconds = time.monotonic() - began
        client.close()

    assert seconds < 4.0
    assert not any(thread.is_alive() for thread in crawl._threads)
    assert crawl.fatal is None


def test_a_thread_that_cannot_be_let_go_is_left_behind(
    begin: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.runner.worker_pool.CLOSE_SECONDS", 0.05)
    may_go = threading.Event()
    crawl = begin(job_of(Steps(1, 1), Reads(lambda _: assert_true(may_go.wait(20)))), workers=1)
    assert soon(lambda: crawl.jobs[0].in_flight == 1)

    crawl.close()

    assert crawl._threads[0].is_alive()
    may_go.set()
    crawl._threads[0].join(20)
