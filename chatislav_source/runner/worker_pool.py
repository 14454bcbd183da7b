"""Fetches what the readings ask for, several requests at once, and hands it on in order.

Worker threads share one lock: with it they ask a reading for its next request and tell it the
outcome; without it they fetch and build rows. Each piece carries the bot's state after it, so
whoever has taken the pieces up to one may remember that one's state.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import Cancelled
from chatislav_source.errors import AuthenticationError, BotAccessError, ChatislavError
from chatislav_source.runner.company import Company, requests_of
from chatislav_source.streams.partition import Partition
from chatislav_source.streams.state import State

LULL_SECONDS = 0.3  # with few requests to send: then what is there can be loaded meanwhile
BUFFER_BYTES = 24 * 1024 * 1024  # of JSON fetched ahead while a chunk is loading

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0  # that a crawl waits for its threads
FEW = 0.25  # of the workers
UNAUTHORIZED = 401  # HTTP status


@dataclass
class Job:
    """One partition, and what is known of its requests."""

    partition: Partition[Any, Any]
    in_flight: int = 0
    was_answered: bool = False


@dataclass(frozen=True)
class ExtractedPage:
    """What one request gave, and the bot's state after it; no result if it failed."""

    bot_id: int
    request: Any
    result: Any
    state: State


@dataclass
class Readable:
    """Bots that answered in this run, shared by its crawls: a key that worked for them is good."""

    bots: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, bot_id: int) -> None:
        """The key is good for this bot."""
        with self.lock:
            self.bots.add(bot_id)


class WorkerPool:
    """Runs the jobs in `workers` threads until each is done or has an error.

    At most `buffer_bytes` of JSON wait to be taken, and half of that where answers come at once.
    `before` is a crawl whose requests go first: this one has what it leaves of those in flight.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        client: ChatislavClient,
        readable: Readable,
        workers: int,
        buffer_bytes: int | None = None,
        before: WorkerPool | None = None,
    ) -> None:
        self.jobs = list(jobs)
        self.fatal: BaseException | None = None
        self._client = client
        self._readable = readable
        self._buffer_bytes = BUFFER_BYTES if buffer_bytes is None else buffer_bytes
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # for whoever takes
        self._idle = threading.Condition(self._lock)  # for workers; one with work wakes one more
        self._pieces: deque[ExtractedPage] = deque()
        self._waiting_bytes = 0
        self.company = Company(workers, time.monotonic())
        self._few_since: float | None = None
        self._before = before
        self._after: WorkerPool | None = None
        if before:
            before._after = self
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"chatislav-{n}", daemon=True)
            for n in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def take(self, deadline: float | None = None) -> ExtractedPage | None:
        """The next piece; None if there will be no more, or none by `deadline` (monotonic)."""
        asked = time.monotonic()
        with self._lock:
            longest = None if deadline is None else deadline - asked
            self._arrived.wait_for(lambda: self._pieces or self._is_over(), longest)
            self.company.took(asked, time.monotonic())
            if not self._pieces:
                return None
            was_full = self._stock() >= 1
            piece = self._pieces.popleft()
            self._waiting_bytes -= piece.result.size if piece.result else 0
            if was_full:
                self._idle.notify()
            return piece

    @property
    def is_over(self) -> bool:
        """Whether every piece was taken and no more will come."""
        with self._lock:
            return not self._pieces and self._is_over()

    @property
    def waits(self) -> bool:
        """Whether it is answers that take the time, not what is done with them."""
        return self.company.waits and not self._pieces  # else workers may wait for whoever takes

    @property
    def is_slow(self) -> bool:
        """Whether for a moment there is too little to read at once to keep the workers at work."""
        since = self._few_since
        is_lull = since is not None and time.monotonic() - since >= LULL_SECONDS
        return is_lull and not self._pieces

    def close(self) -> None:
        """Let the workers leave; the client must be interrupted first if they may be waiting.

        Whoever is still making a connection then, which cannot be interrupted, is left behind.
        """
        with self._lock:
            self._closed = True
            self._wake_all()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _wake_all(self) -> None:
        self._idle.notify_all()
        self._arrived.notify_all()

    def _is_over(self) -> bool:
        if any(job.in_flight for job in self.jobs):
            return False
        return (
            self._closed
            or self.fatal is not None
            or all(job.partition.done or job.partition.error for job in self.jobs)
        )

    def _work(self) -> None:
        try:
            while (taken := self._next()) is not None:
                self._read(*taken)
        except BaseException as error:  # a defect of ours: it must end the run, not a thread
            with self._lock:
                self.fatal = self.fatal or error
                self._wake_all()
                self._give_way()

    def _next(self) -> tuple[Job, Any] | None:
        with self._lock:
            while not (self._closed or self.fatal or self._is_over()):
                if self._stock() < 1 and self._room() > 0:
                    # the bot with the fewest requests in flight first: none waits for another
                    for job in sorted(self.jobs, key=lambda job: job.in_flight):
                        request = job.partition.next_request()
                        if request is not None:
                            job.in_flight += 1
                            if self._room() > 0:
                                self._idle.notify()  # there may be more
                            self._note_how_few()
                            return job, request
                    self._note_how_few()
                self._give_way()
                self._idle.wait()
            self._wake_all()
            self._give_way()
            return None

    def _stock(self) -> float:
        # to fetch far ahead is of use only where that is waiting
        most = self._buffer_bytes if self.company.waits else self._buffer_bytes // 2
        return self._waiting_bytes / most

    def _in_flight(self) -> int:
        return sum(job.in_flight for job in self.jobs)

    def _room(self) -> int:
        size = self.company.size
        if self._before and not self._before._is_over():
            most = min(self._before.company.size, requests_of(len(self._threads)))
            size = min(size, most - self._before._in_flight())
        return size - self._in_flight()

    def _give_way(self) -> None:
        if self._after and self._room() > 0:
            with self._after._lock:
                self._after._idle.notify()

    def _note_how_few(self) -> None:
        is_at_work = self._in_flight() > FEW * len(self._threads) or not self.company.waits
        if self._room() <= 0 or is_at_work:
            self._few_since = None
        elif self._few_since is None:
            self._few_since = time.monotonic()

    def _read(self, job: Job, request: Any) -> None:
        outcome = None
        began = time.thread_time()
        try:
            outcome = job.partition.read(request, self._client)
        except ChatislavError as error:
            outcome = error
        except Cancelled:
            pass  # the run is over: nobody asks for this any more
        finally:
            with self._lock:
                job.in_flight -= 1
                if outcome is not None:
                    self._hand_on(job, request, outcome)
                self.company.worked(time.monotonic(), time.thread_time() - began, self._stock())
                self._arrived.notify()

    def _hand_on(self, job: Job, request: Any, outcome: Any) -> None:
        if not isinstance(outcome, ChatislavError):
            job.was_answered = True
            self._readable.add(job.partition.bot_id)
            try:
                state = job.partition.on_page(request, outcome)
            except ChatislavError as problem:
                outcome = problem
        result = None if isinstance(outcome, ChatislavError) else outcome
        if isinstance(outcome, ChatislavError):
            logger.warning("%s", outcome)
            state = self._failed(job, request, outcome)
        self._pieces.append(ExtractedPage(job.partition.bot_id, request, result, state))
        self._waiting_bytes += result.size if result else 0

    def _failed(self, job: Job, request: Any, error: ChatislavError) -> State:
        if not isinstance(error, AuthenticationError):
            return job.partition.on_error(request, error)
        # 401 is about the key; 403 may be about this endpoint, if only the other one answered
        was_good = job.was_answered or (
            error.status == UNAUTHORIZED and job.partition.bot_id in self._readable.bots
        )
        if was_good:
            # the key was good for this very bot a moment ago: it was revoked
            self.fatal = self.fatal or error
        job.partition.abort(error)
        return job.partition.state


def refusals_told_apart(jobs: Sequence[Job], readable: Readable) -> AuthenticationError | None:
    """The key's refusal, if no bot could be read; else each refused bot has its own error."""
    refused = [job for job in jobs if isinstance(job.partition.error, AuthenticationError)]
    for job in refused:
        error = job.partition.error
        if isinstance(error, AuthenticationError):
            if not readable.bots:
                return error
            bot_id = job.partition.bot_id
            job.partition.abort(
                BotAccessError(bot_id, error.status, only_here=bot_id in readable.bots)
            )
    return None
