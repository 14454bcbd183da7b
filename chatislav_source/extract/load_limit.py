"""When one load package ends and the next begins; pure. Times are seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

PACKAGE_BYTES = 192 * 1024 * 1024  # of JSON in one package; DuckDB caches what it writes of it
MERGED_PACKAGE_BYTES = 128 * 1024 * 1024  # of JSON, if rows may be replaced: the joins need memory
PACKAGE_SECONDS = 10.0  # of fetching, which a crash repeats at most; a load has 0.3 s of overhead
LEAST_PACKAGE_BYTES = 32 * 1024 * 1024  # of JSON; less is not worth a load that delays requests
LEAST_WAITING_BYTES = 1024 * 1024  # of JSON; less is not worth a load that delays none
LOAD_SECONDS = 1.0  # assumed duration of the first load, so that a short first sync has only one
IDLE_SECONDS = 60.0  # of reading without a row to write: each load adds a state to the warehouse
READ_PER_LOAD = 3.0  # seconds of fetching per second of loading, as both run in parallel
READ_PER_EAGER_LOAD = 1.0  # likewise, in a run after one that did not end


@dataclass(frozen=True)
class LoadLimit:
    """The limit of one load package: `size` in bytes of JSON, and a deadline.

    From the time `worth_from` on, the package may end early if loading it delays no request. An
    eager one then ends with any page, and need not have rows.
    """

    size: int
    deadline: float
    worth_from: float
    is_eager: bool = False

    @classmethod
    def starting(cls, now: float, load_seconds: float | None = None) -> LoadLimit:
        """The limit of a package that starts now; `load_seconds`: duration of the last load."""
        expected = LOAD_SECONDS if load_seconds is None else load_seconds
        worth_from = now + READ_PER_LOAD * expected
        return cls(PACKAGE_BYTES, now + PACKAGE_SECONDS, worth_from)

    @classmethod
    def eager(cls, now: float, load_seconds: float | None = None) -> LoadLimit:
        """As `starting`, for a run that may be killed soon, so that every page counts."""
        worth_from = now + READ_PER_EAGER_LOAD * (load_seconds or 0.0)
        return cls(PACKAGE_BYTES, now + PACKAGE_SECONDS, worth_from, is_eager=True)

    @property
    def _least_waiting(self) -> int:
        """Bytes of JSON that are worth a load that delays no request."""
        return 1 if self.is_eager else LEAST_WAITING_BYTES

    def for_merge(self) -> LoadLimit:
        """The limit of a package whose rows may replace others."""
        return replace(self, size=min(self.size, MERGED_PACKAGE_BYTES))

    def restarted(self, now: float) -> LoadLimit:
        """The limit of a package that is continued, as it has no row yet."""
        return replace(self, deadline=now + PACKAGE_SECONDS)

    def without_waiting(self, now: float) -> LoadLimit:
        """The limit of a package that has only pages fetched by now."""
        return replace(self, deadline=now)

    def is_reached(self, size: int, now: float) -> bool:
        """Whether a package with `size` bytes of JSON must end now."""
        return size >= self.size or now >= self.deadline

    def wait_until(self, size: int, now: float) -> float:
        """How long a package with `size` bytes of JSON waits for its next page."""
        is_worth_later = size >= self._least_waiting and now < self.worth_from
        return min(self.worth_from, self.deadline) if is_worth_later else self.deadline

    def may_flush(self, size: int, now: float, is_waiting: bool, is_slow: bool) -> bool:
        """Whether to load `size` bytes of JSON while responses are pending.

        `is_waiting`: no page can be taken; `is_slow`: few requests are in flight.
        """
        if is_waiting and now >= self.worth_from:
            return size >= self._least_waiting
        return is_slow and size >= LEAST_PACKAGE_BYTES
