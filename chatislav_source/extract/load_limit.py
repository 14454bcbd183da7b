"""When one load package ends and the next begins; pure, times are seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

PACKAGE_BYTES = 512 * 1024 * 1024  # of JSON in one package; it is on disk while it grows
MERGED_PACKAGE_BYTES = 128 * 1024 * 1024  # of JSON, where rows are replaced: joins need memory
PACKAGE_SECONDS = 10.0  # the most reading that a crash repeats; each load costs 0.3 s of its own
LEAST_PACKAGE_BYTES = 32 * 1024 * 1024  # of JSON; less is not worth a load of its own
LOAD_SECONDS = 0.5  # that a load takes, as long as none was seen
READ_PER_LOAD = 3.0  # seconds of reading for each of loading, where both go on at once


@dataclass(frozen=True)
class LoadLimit:
    """The bound of one load package: bytes of JSON, and a deadline.

    From `worth_from` on it may end where loading it delays no request, as both go on at once.
    """

    size: int
    deadline: float
    worth_from: float

    @classmethod
    def starting(cls, now: float, load_seconds: float | None = None) -> LoadLimit:
        """The limit of a package that starts now; `load_seconds` is what the last load took."""
        expected = LOAD_SECONDS if load_seconds is None else load_seconds
        worth_from = now + READ_PER_LOAD * expected
        return cls(PACKAGE_BYTES, now + PACKAGE_SECONDS, worth_from)

    def for_merge(self) -> LoadLimit:
        """The limit of a package whose rows may replace others."""
        return replace(self, size=min(self.size, MERGED_PACKAGE_BYTES))

    def without_waiting(self, now: float) -> LoadLimit:
        """The limit of a package that holds only what is fetched by now."""
        return replace(self, deadline=now)

    def is_reached(self, size: int, now: float) -> bool:
        """Whether a package that holds `size` bytes of JSON by now must end."""
        return size >= self.size or now >= self.deadline

    def may_flush(self, size: int, now: float, is_waiting: bool, is_slow: bool) -> bool:
        """Whether `size` bytes of JSON can be loaded while responses are waited for.

        `is_waiting`: no page is there; `is_slow`: nor will many come soon.
        """
        if size < LEAST_PACKAGE_BYTES:
            return False
        return is_slow or (is_waiting and now >= self.worth_from)
