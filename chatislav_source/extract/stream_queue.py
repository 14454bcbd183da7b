"""The partitions of one stream, and the pages of them that wait to be taken.

Nothing here locks: the worker pool calls it under its own lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from chatislav_source.streams.partition import Partition
from chatislav_source.streams.state import State


class Sized(Protocol):
    """What a request gave; `size` is in bytes of JSON."""

    @property
    def size(self) -> int: ...


RequestT = TypeVar("RequestT")
ItemT = TypeVar("ItemT", bound=Sized)


@dataclass(frozen=True)
class ExtractedPage(Generic[RequestT, ItemT]):
    """What one request gave, and its partition's checkpoint after it.

    `item` None: the request failed, and the checkpoint says so.
    """

    bot_id: int
    request: RequestT
    item: ItemT | None
    checkpoint: State

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return self.item.size if self.item else 0


class StreamQueue(Generic[RequestT, ItemT]):
    """Gives the next request of a stream and keeps its pages in the order of their checkpoints."""

    def __init__(
        self, name: str, partitions: Iterable[Partition[RequestT, ItemT]], buffer_bytes: int
    ) -> None:
        self.name = name
        self.partitions = list(partitions)
        self.in_flight = 0
        self._in_flight_of = dict.fromkeys(range(len(self.partitions)), 0)
        self._buffer_bytes = buffer_bytes
        self._waiting: deque[ExtractedPage[RequestT, ItemT]] = deque()
        self._waiting_bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether no page waits to be taken."""
        return not self._waiting

    @property
    def is_full(self) -> bool:
        """Whether the buffer is full, so that nothing more is requested."""
        return self._waiting_bytes >= self._buffer_bytes

    @property
    def is_done(self) -> bool:
        """Whether every partition is done or failed, and no request is in flight."""
        return not self.in_flight and all(part.done or part.error for part in self.partitions)

    def next_request(self) -> tuple[int, RequestT] | None:
        """A partition's number and its next request; None if there is none now.

        The partition with the fewest requests in flight goes first, so that none waits for another.
        """
        if self.is_full:
            return None
        for number in sorted(self._in_flight_of, key=self._in_flight_of.__getitem__):
            request = self.partitions[number].next_request()
            if request is not None:
                self._in_flight_of[number] += 1
                self.in_flight += 1
                return number, request
        return None

    def request_ended(self, number: int) -> None:
        """A request of partition `number` is no longer in flight."""
        self._in_flight_of[number] -= 1
        self.in_flight -= 1

    def put(self, page: ExtractedPage[RequestT, ItemT]) -> None:
        """Add a page behind those that wait."""
        self._waiting.append(page)
        self._waiting_bytes += page.size

    def pop(self) -> ExtractedPage[RequestT, ItemT]:
        """The page that waits longest."""
        page = self._waiting.popleft()
        self._waiting_bytes -= page.size
        return page
