"""When one load ends and the next begins; pure, times are seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

PACKAGE_BYTES = 512 * 1024 * 1024  # of JSON in one load; it is on disk while it grows
MERGED_PACKAGE_BYTES = 128 * 1024 * 1024  # of JSON, where a load replaces rows: joins need memory
PACKAGE_SECONDS = 10.0  # the most reading that a crash repeats; each load costs 0.3 s of its own
LEAST_PACKAGE_BYTES = 32 * 1024 * 1024  # of JSON; less is not worth a load of its own
LOAD_SECONDS = 0.5  # that a load takes, as long as none was seen
READ_PER_LOAD = 3.0  # seconds of reading for each of loading, where both go on at once


class Fetching(Protocol):
    """What is known of how the fetching goes; see `WorkerPool`."""

    @property
    def waits(self) -> bool: ...
    @property
    def is_slow(self) -> bool: ...


@dataclass(frozen=True)
class LoadLimit:
    """The bound of one load: bytes of JSON, and a deadline.

    From `worth_from` on it may end where loading it costs no fetching, as both go on at once.
    """

    size: int
    deadline: float
    worth_from: float

    @classmethod
    def starting(cls, now: float, load_seconds: float | None = None) -> LoadLimit:
        """A chunk of the usual size and time; `load_seconds` is what the last load took."""
        expected = LOAD_SECONDS if load_seconds is None else load_seconds
        worth_from = now + READ_PER_LOAD * expected
        return cls(PACKAGE_BYTES, now + PACKAGE_SECONDS, worth_from)

    def merged(self) -> LoadLimit:
        """The chunk where its rows may replace others."""
        return replace(self, size=min(self.size, MERGED_PACKAGE_BYTES))

    def of_what_is_there(self, now: float) -> LoadLimit:
        """The chunk if nothing is waited for."""
        return replace(self, deadline=now)

    def is_full(self, size: int, now: float) -> bool:
        """Whether a load that holds `size` bytes of JSON by now must end."""
        return size >= self.size or now >= self.deadline

    def may_end(self, size: int, now: float, fetching: Fetching) -> bool:
        """Whether `size` bytes of JSON can be loaded while answers are waited for."""
        if size < LEAST_PACKAGE_BYTES:
            return False
        return fetching.is_slow or (fetching.waits and now >= self.worth_from)
