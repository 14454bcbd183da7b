"""Partitions whose requests are numbers, and worker pools that read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from chatislav_source.errors import ChatislavError, RetriesExhaustedError
from chatislav_source.extract.key_access import KeyAccess
from chatislav_source.extract.stream_queue import ExtractedPage, StreamQueue
from chatislav_source.extract.worker_pool import WorkerPool
from chatislav_source.streams.state import State

FAILED = RetriesExhaustedError("/conversations", "bot 1", 8, "HTTP 500")
SIZE = 10
STREAM = "conversations"


@dataclass(frozen=True)
class Item:
    """The parsed response to a request."""

    number: int
    size: int = SIZE
    tries: int = 1
    replaced_characters: int = 0


@dataclass
class Reads:
    """Returns an item for each request, after calling `act` with its number."""

    act: Callable[[int], None] = lambda _: None
    read_so_far: list[int] = field(default_factory=list)

    def __call__(self, request: int, _: Any) -> Item:
        self.act(request)
        self.read_so_far.append(request)
        return Item(request)


def raising(error: BaseException, at: int = 0) -> Reads:
    """Reads that fail from request `at` on."""

    def act(request: int) -> None:
        if request >= at:
            raise error

    return Reads(act)


class Steps:
    """A partition of `steps` numbered requests; its state counts pages and errors."""

    def __init__(
        self,
        bot_id: int,
        steps: int,
        read: Callable[[int, Any], Item] | None = None,
        at_once: int = 99,
    ) -> None:
        self.bot_id = bot_id
        self.state: State = {"pages": 0, "errors": 0}
        self.error: ChatislavError | None = None
        self.warnings: list[str] = []
        self.done = steps == 0
        self.in_flight = 0
        self.at_once = at_once
        self._read = read or Reads()
        self._todo = list(range(steps))
        self._steps = steps

    def next_request(self) -> int | None:
        if self.error or not self._todo or self.in_flight >= self.at_once:
            return None
        self.in_flight += 1
        return self._todo.pop(0)

    def read(self, request: int, client: Any) -> Item:
        return self._read(request, client)

    def on_page(self, request: int, item: Item) -> State:
        assert request == item.number
        return self._counted("pages")

    def on_error(self, request: int, error: ChatislavError) -> State:
        assert request < self._steps
        self.warnings.append(str(error))
        return self._counted("errors")

    def abort(self, error: ChatislavError) -> None:
        self.error = error
        self.in_flight -= 1

    def _counted(self, what: str) -> State:
        self.in_flight -= 1
        self.state = {**self.state, what: self.state[what] + 1}
        self.done = self.state["pages"] + self.state["errors"] == self._steps
        return self.state


def pool_of(
    partitions: Iterable[Steps], workers: int = 4, access: KeyAccess | None = None, **more: Any
) -> WorkerPool:
    """A pool that reads these partitions as one stream."""
    no_client: Any = None
    pool = WorkerPool(no_client, access or KeyAccess(), workers, **more)
    pool.add(STREAM, partitions)
    return pool


def queue_of(pool: WorkerPool, stream: str = STREAM) -> StreamQueue[int, Item]:
    """The queue of a stream that was added to a pool."""
    return next(queue for queue in pool._queues if queue.name == stream)


def taken(pool: WorkerPool, stream: str = STREAM) -> list[ExtractedPage[int, Item]]:
    """All pages of a stream, in the order in which the pool returns them."""
    return list(iter(lambda: pool.take(queue_of(pool, stream), time.monotonic() + 20), None))
