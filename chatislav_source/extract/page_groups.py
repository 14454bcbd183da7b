"""Takes pages from the worker pool in groups; each group becomes one Arrow table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.extract.worker_pool import WorkerPool

GROUP_BYTES = 8 * 1024 * 1024  # of JSON in one group

OnPage = Callable[[str, ExtractedPage[Any, Any]], None]
"""Called with the name of the stream for each page that goes into a load package."""


class PageGroups:
    """Takes groups of pages and calls `on_page` with each page."""

    def __init__(self, pool: WorkerPool, on_page: OnPage) -> None:
        self.pool = pool
        self._on_page = on_page

    def take(
        self, stream: str, limit: LoadLimit | None, held: int = 0
    ) -> list[ExtractedPage[Any, Any]]:
        """The next group of pages; ends at the limit's deadline.

        `held`: bytes of JSON that the package has already.
        """
        most = min(limit.size, GROUP_BYTES) if limit else GROUP_BYTES
        deadline = limit.deadline if limit else None
        pages: list[ExtractedPage[Any, Any]] = []
        size = 0
        while size < most and not self.may_flush(stream, limit, held + size):
            page = self.pool.take(stream, deadline)
            if page is None:
                break
            pages.append(page)
            size += page.size
            self._on_page(stream, page)
        return pages

    def may_flush(self, stream: str, limit: LoadLimit | None, size: int) -> bool:
        """Whether to load a package with `size` bytes of JSON before its limit is reached."""
        return limit is not None and limit.may_flush(
            size, time.monotonic(), self.pool.is_waiting(stream), self.pool.is_slow(stream)
        )
