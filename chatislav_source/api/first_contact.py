"""Limits how long an API is tried that has never responded in this run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState

from chatislav_source.api.retry import RetriableError

FIRST_CONTACT_SECONDS = 8.0  # from the first request on; a whole command then takes up to 15
PROBE_SECONDS = 4.0  # of them, to ask a silent host whether it answers anything
SHORTEST_SECONDS = 0.1  # of a timeout, for requests that begin last


class FirstContact:
    """Whether the API has responded in this run; thread-safe, as it only assigns attributes.

    Until then, every request counts on the same `FIRST_CONTACT_SECONDS`. `given_up` is the error
    that ended them, None if there is none.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.has_responded = False
        self.given_up: RetriableError | None = None
        self._clock = clock
        self._until: float | None = None
        self._logged: str | None = None

    def extensions(self) -> dict[str, Any]:
        """The extensions of a request that begins now: shorter timeouts until the first response.

        That of a read leaves time to ask a silent API for something else.
        """
        if self._until is None:
            self._until = self._clock() + FIRST_CONTACT_SECONDS
        if self.has_responded:
            return {}
        left = self.seconds_left
        read = max(SHORTEST_SECONDS, left - PROBE_SECONDS)
        return {"timeout": {"connect": left, "read": read}}

    @property
    def seconds_left(self) -> float:
        """Seconds until the API is given up, if it does not respond."""
        return max(SHORTEST_SECONDS, (self._until or 0.0) - self._clock())

    def level_of(self, reason: str) -> int:
        """The log level of a failed try: until the first response, each reason is said once."""
        is_repeated = not self.has_responded and reason == self._logged
        self._logged = reason
        return logging.DEBUG if is_repeated else logging.INFO

    def stop(self, state: RetryCallState) -> bool:
        """Whether no time is left for the next try of a request; a stop condition for tenacity."""
        error = state.outcome.exception() if state.outcome else None
        if self.has_responded or not isinstance(error, RetriableError):
            return False
        if self.seconds_left > state.upcoming_sleep + SHORTEST_SECONDS:
            return False
        self.given_up = error
        return True
