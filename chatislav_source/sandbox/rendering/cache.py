"""A cache of rendered conversations, which makes repeated requests fast."""

from __future__ import annotations

from collections.abc import Iterable

from chatislav_source.sandbox.rendering.rows import render_record
from chatislav_source.sandbox.rendering.shape import Shape
from chatislav_source.sandbox.world.records import Record

MAX_CACHED_BYTES = 512 * 1024 * 1024  # of JSON; only `render_all` exceeds it


class RenderCache:
    """Caches rendered JSON on the records; the caller must hold the lock of the world."""

    def __init__(self) -> None:
        self._cached_bytes = 0

    def render(self, record: Record, bot_id: int, shape: Shape) -> bytes:
        """A conversation as JSON; cached unless the cache is full."""
        return self._render(record, bot_id, shape, self._cached_bytes < MAX_CACHED_BYTES)

    def render_all(self, records: Iterable[Record], bot_id: int, shape: Shape) -> None:
        """Render and cache these conversations of a bot, about 2 kB each."""
        for record in records:
            self._render(record, bot_id, shape, keep=True)

    def _render(self, record: Record, bot_id: int, shape: Shape, keep: bool) -> bytes:
        if record.body is not None and record.body_shape is shape:
            return record.body
        body = render_record(record, bot_id, shape)
        if keep or record.body is not None:
            self._cached_bytes += len(body) - len(record.body or b"")
            # A copy, because orjson's bytes have a buffer up to four times as large.
            record.body, record.body_shape = bytes(memoryview(body)), shape
        return body
