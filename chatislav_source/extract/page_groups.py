"""Takes pages from the worker pool in groups; each group becomes one Arrow table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic

from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.extract.stream_queue import (
    AnyPage,
    ExtractedPage,
    ItemT,
    RequestT,
    StreamQueue,
)
from chatislav_source.extract.worker_pool import WorkerPool

GROUP_BYTES = 16 * 1024 * 1024  # of JSON in one group

OnPage = Callable[[str, AnyPage], None]
"""Called with the name of the stream for each page that goes into a load package."""


class PageGroups(Generic[RequestT, ItemT]):
    """Takes groups of pages of one stream and calls `on_page` with each page."""

    def __init__(
        self, pool: WorkerPool, queue: StreamQueue[RequestT, ItemT], on_page: OnPage
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._on_page = on_page

    @property
    def is_over(self) -> bool:
        """Whether every page of the stream was taken."""
        return self._pool.is_over(self._queue)

    def take(self, limit: LoadLimit | None, held: int = 0) -> list[ExtractedPage[RequestT, ItemT]]:
        """The next group of pages; ends at the limit's deadline, or when the package may.

        `held`: bytes of JSON that the package has already.
        """
        most = min(limit.size, GROUP_BYTES) if limit else GROUP_BYTES
        pages: list[ExtractedPage[RequestT, ItemT]] = []
        size = 0
        while size < most and not self.may_flush(limit, held + size):
            wait_until = limit.wait_until(held + size, time.monotonic()) if limit else None
            page = self._pool.take(self._queue, wait_until)
            if page is None:
                break
            pages.append(page)
            size += page.size
            self._on_page(self._queue.name, page)
        return pages

    def may_flush(self, limit: LoadLimit | None, size: int) -> bool:
        """Whether to load a package with `size` bytes of JSON before its limit is reached."""
        return limit is not None and limit.may_flush(
            size,
            time.monotonic(),
            self._pool.is_waiting(self._queue),
            self._pool.is_slow(self._queue),
        )
