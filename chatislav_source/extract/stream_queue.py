"""The partitions of one stream, and a buffer of their pages.

Not thread-safe: the worker pool calls it under its lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from chatislav_source.streams.partition import Partition
from chatislav_source.streams.state import State


class Item(Protocol):
    """A parsed response; `size` is in bytes of JSON, `tries` counts the requests it took."""

    @property
    def size(self) -> int: ...
    @property
    def tries(self) -> int: ...
    @property
    def replaced_characters(self) -> int: ...


RequestT = TypeVar("RequestT")
ItemT = TypeVar("ItemT", bound=Item)
RequestT_co = TypeVar("RequestT_co", covariant=True)
ItemT_co = TypeVar("ItemT_co", bound=Item, covariant=True)


@dataclass(frozen=True)
class ExtractedPage(Generic[RequestT_co, ItemT_co]):
    """The parsed response to one request, and the partition's checkpoint after it.

    `item` is None if the request failed, after `failed_requests` were sent, or if the page has only
    the partition's final state.
    """

    bot_id: int
    request: RequestT_co
    item: ItemT_co | None
    checkpoint: State
    failed_requests: int = 0

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return self.item.size if self.item else 0


AnyPage = ExtractedPage[object, Item]
"""A page of any stream."""


class StreamQueue(Generic[RequestT, ItemT]):
    """Selects the next request of a stream and buffers its pages in the order of checkpoints."""

    def __init__(
        self, name: str, partitions: Iterable[Partition[RequestT, ItemT]], buffer_bytes: int
    ) -> None:
        self.name = name
        self.partitions = list(partitions)
        self.in_flight = 0
        self._in_flight_of = dict.fromkeys(range(len(self.partitions)), 0)
        self._buffer_bytes = buffer_bytes
        self._buffer: deque[ExtractedPage[RequestT, ItemT]] = deque()
        self._buffered_bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether the buffer is empty."""
        return not self._buffer

    @property
    def is_full(self) -> bool:
        """Whether the buffer is full, so that no request may be sent."""
        return self._buffered_bytes >= self._buffer_bytes

    @property
    def is_done(self) -> bool:
        """Whether every partition is done or failed, and no request is in flight."""
        return not self.in_flight and all(part.done or part.error for part in self.partitions)

    def next_request(self) -> tuple[int, RequestT] | None:
        """A partition's number and its next request; None if there is none now.

        Partitions with fewer requests in flight come first, so that each gets its share of workers.
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
        """Note that a request of partition `number` has ended."""
        self._in_flight_of[number] -= 1
        self.in_flight -= 1

    def put(self, page: ExtractedPage[RequestT, ItemT]) -> None:
        """Add a page at the end of the buffer."""
        self._buffer.append(page)
        self._buffered_bytes += page.size

    def pop(self) -> ExtractedPage[RequestT, ItemT]:
        """Remove and return the oldest page."""
        page = self._buffer.popleft()
        self._buffered_bytes -= page.size
        return page
