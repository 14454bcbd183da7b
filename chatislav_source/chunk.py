"""When one load ends and the next begins; pure, times are seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from chatislav_source import settings


class Fetching(Protocol):
    """What is known of how the fetching goes; see `Crawl`."""

    @property
    def waits(self) -> bool: ...
    @property
    def is_slow(self) -> bool: ...


@dataclass(frozen=True)
class Chunk:
    """The bound of one load: bytes of JSON, and a deadline.

    From `worth_from` on it may end where loading it costs no fetching, as both go on at once.
    """

    size: int
    deadline: float
    worth_from: float

    @classmethod
    def starting(cls, now: float, load_seconds: float | None = None) -> Chunk:
        """A chunk of the usual size and time; `load_seconds` is what the last load took."""
        expected = settings.LOAD_SECONDS if load_seconds is None else load_seconds
        worth_from = now + settings.READ_PER_LOAD * expected
        return cls(settings.CHUNK_BYTES, now + settings.CHUNK_SECONDS, worth_from)

    def merged(self) -> Chunk:
        """The chunk where its rows may replace others."""
        return replace(self, size=min(self.size, settings.MERGED_CHUNK_BYTES))

    def of_what_is_there(self, now: float) -> Chunk:
        """The chunk if nothing is waited for."""
        return replace(self, deadline=now)

    def is_full(self, size: int, now: float) -> bool:
        """Whether a load that holds `size` bytes of JSON by now must end."""
        return size >= self.size or now >= self.deadline

    def may_end(self, size: int, now: float, fetching: Fetching) -> bool:
        """Whether `size` bytes of JSON can be loaded while answers are waited for."""
        if size < settings.LEAST_CHUNK_BYTES:
            return False
        return fetching.is_slow or (fetching.waits and now >= self.worth_from)
