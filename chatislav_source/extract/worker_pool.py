"""Fetches pages in threads and returns them in order.

Partitions choose requests and process pages under one lock; requests are sent without it. Each page
has its partition's checkpoint, which may be stored together with the rows of the pages up to it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import Cancelled
from chatislav_source.errors import AuthenticationError, ChatislavError
from chatislav_source.extract.key_access import KeyAccess
from chatislav_source.extract.stream_queue import ExtractedPage, ItemT, RequestT, StreamQueue
from chatislav_source.streams.partition import Partition
from chatislav_source.streams.state import State

logger = logging.getLogger(__name__)

BUFFER_BYTES = 12 * 1024 * 1024  # of JSON fetched ahead while a load package is loading
CLOSE_SECONDS = 5.0  # that closing waits for threads at most
FEW = 0.25  # share of the workers; requests in flight up to it are few
LULL_SECONDS = 0.3  # with few requests in flight, after which the stream is slow


@dataclass(frozen=True)
class Task:
    """A request for a worker to send."""

    queue: StreamQueue[Any, Any]
    number: int
    request: Any

    @property
    def partition(self) -> Partition[Any, Any]:
        """The partition that the request belongs to."""
        return self.queue.partitions[self.number]


def workers_for(requests: int) -> int:
    """Workers needed to keep `requests` in flight, while others decode pages."""
    return requests + requests // 4


class WorkerPool:
    """Runs the partitions of one or more streams in `workers` threads.

    Requests of the stream added first go first. Each stream buffers up to `buffer_bytes` of JSON.
    `fatal` is the error that ended the pool, a revoked key or a defect; None if there is none.
    """

    def __init__(
        self,
        client: ChatislavClient,
        access: KeyAccess,
        workers: int,
        buffer_bytes: int | None = None,
    ) -> None:
        self.fatal: BaseException | None = None
        self._client = client
        self.access = access
        self._buffer_bytes = BUFFER_BYTES if buffer_bytes is None else buffer_bytes
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # for the thread that takes pages
        self._idle = threading.Condition(self._lock)  # for workers, which wake each other
        self._queues: list[StreamQueue[Any, Any]] = []
        self._few_since: dict[str, float] = {}
        self._said: set[str] = set()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"chatislav-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def add(
        self, stream: str, partitions: Iterable[Partition[RequestT, ItemT]]
    ) -> StreamQueue[RequestT, ItemT]:
        """Start the partitions of a stream, with lower priority than streams added before."""
        queue = StreamQueue(stream, partitions, self._buffer_bytes)
        with self._lock:
            self._queues.append(queue)
            self._idle.notify_all()
        return queue

    def take(
        self, queue: StreamQueue[RequestT, ItemT], deadline: float | None = None
    ) -> ExtractedPage[RequestT, ItemT] | None:
        """The stream's next page; None if the stream is over or `deadline` (monotonic) has passed.

        Pages of one partition come in the order of their checkpoints.
        """
        with self._lock:
            longest = None if deadline is None else deadline - time.monotonic()
            self._arrived.wait_for(lambda: not queue.is_empty or self._is_ended(queue), longest)
            if queue.is_empty:
                return None
            was_full = queue.is_full
            page = queue.pop()
            if was_full:
                self._idle.notify()
            return page

    def is_over(self, queue: StreamQueue[Any, Any]) -> bool:
        """Whether every page of the stream was taken."""
        with self._lock:
            return queue.is_empty and self._is_ended(queue)

    def is_waiting(self, queue: StreamQueue[Any, Any]) -> bool:
        """Whether requests of the stream are in flight and its buffer is empty."""
        return queue.is_empty and queue.in_flight > 0

    def is_slow(self, queue: StreamQueue[Any, Any]) -> bool:
        """Whether few requests have been in flight for `LULL_SECONDS`, and the buffer is empty."""
        since = self._few_since.get(queue.name)
        is_lull = since is not None and time.monotonic() - since >= LULL_SECONDS
        return is_lull and queue.is_empty

    def close(self) -> None:
        """End the threads; the caller must cancel the client first, so that no request hangs.

        A thread that is opening a connection cannot be cancelled and is not waited for.
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

    def _is_ended(self, queue: StreamQueue[Any, Any]) -> bool:
        is_stopped = self._closed or self.fatal is not None
        return queue.is_done or (is_stopped and not queue.in_flight)

    def _work(self) -> None:
        try:
            while (task := self._next_task()) is not None:
                self._run_task(task)
        except BaseException as error:  # a defect must end the run, not only its thread
            with self._lock:
                self.fatal = self.fatal or error
                self._wake_all()

    def _next_task(self) -> Task | None:
        with self._lock:
            while not (self._closed or self.fatal):
                task = self._find_task()
                if task:
                    self._idle.notify()  # another task may be ready
                    return task
                self._idle.wait()
            return None

    def _find_task(self) -> Task | None:
        for queue in self._queues:
            found = queue.next_request()
            self._note_lull(queue)
            if found is not None:
                return Task(queue, *found)
        return None

    def _note_lull(self, queue: StreamQueue[Any, Any]) -> None:
        is_busy = queue.in_flight > FEW * len(self._threads) or queue.is_full
        if is_busy:
            self._few_since.pop(queue.name, None)
        else:
            self._few_since.setdefault(queue.name, time.monotonic())

    def _run_task(self, task: Task) -> None:
        outcome: Any = None
        try:
            outcome = task.partition.read(task.request, self._client)
        except ChatislavError as error:
            outcome = error
        except Cancelled:
            pass  # the pool is closed, so the page is not needed
        finally:
            with self._lock:
                task.queue.request_ended(task.number)
                if outcome is not None:
                    page = self._page_of(task, outcome)
                    task.queue.put(page)
                    if task.partition.done and page.checkpoint is not task.partition.state:
                        task.queue.put(replace(page, item=None, checkpoint=task.partition.state))
                self._arrived.notify_all()

    def _page_of(self, task: Task, outcome: Any) -> ExtractedPage[Any, Any]:
        """The page, with its partition's checkpoint after the outcome."""
        partition = task.partition
        if not isinstance(outcome, ChatislavError):
            self.access.note_access(task.queue.name, partition.bot_id)
            try:
                checkpoint = partition.on_page(task.request, outcome)
                return ExtractedPage(partition.bot_id, task.request, outcome, checkpoint)
            except ChatislavError as problem:
                problem.requests = outcome.tries
                outcome = problem
        self._warn(str(outcome))
        checkpoint = self._checkpoint_after_failure(task, outcome)
        return ExtractedPage(partition.bot_id, task.request, None, checkpoint, outcome.requests)

    def _warn(self, text: str) -> None:
        """Log a warning, once; many windows may fail for the same reason."""
        if text not in self._said:
            self._said.add(text)
            logger.warning("%s", text)

    def _checkpoint_after_failure(self, task: Task, error: ChatislavError) -> State:
        partition = task.partition
        if not isinstance(error, AuthenticationError):
            return partition.on_error(task.request, error)
        if self.access.is_revoked(task.queue.name, partition.bot_id, error):
            self.fatal = self.fatal or error
        partition.abort(error)
        return partition.state
