"""The configured rate limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from chatislav_source.sandbox.server.answer import Answer, error, retry_after_text
from chatislav_source.sandbox.settings import Settings


class RateLimit:
    """A token bucket; thread-safe."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = Lock()
        self._filled_at: float | None = None
        self._left = 0.0

    def admits(self) -> bool:
        """Whether a request is within the limit; if so, count it."""
        rate, burst = self._settings.rate_limit_per_second, self._settings.rate_limit_burst
        if rate is None:
            return True
        with self._lock:
            now = self._clock()
            refill = burst if self._filled_at is None else (now - self._filled_at) * rate
            self._left = min(burst, self._left + refill)
            self._filled_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def refusal(self) -> Answer:
        """The response to a request over the limit."""
        headers = {}
        if self._settings.rate_limit_retry_after:
            headers["Retry_After"] = retry_after_text(self._settings.retry_after_seconds)
        return error(self._settings.rate_limit_status, "Rate limit exceeded", **headers)
