"""The configured rate limit: four kinds of limiters, and what their responses say."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from math import ceil, inf
from random import Random
from threading import Lock
from typing import Protocol

from chatislav_source.sandbox.server.answer import Answer, error, retry_after_text
from chatislav_source.sandbox.settings import Settings


class Limiter(Protocol):
    """Accepts or refuses requests; the times are seconds of one clock and never decrease."""

    def admits(self, now: float) -> bool:
        """Whether a request is within the limit; if so, count it."""
        ...

    def finish(self) -> None:
        """Count an accepted request as finished."""
        ...

    def wait(self, now: float) -> float:
        """Seconds until a request will be accepted, if no other one comes."""
        ...

    def quota(self, now: float) -> tuple[int, int]:
        """The limit, and the number of requests that would be accepted now."""
        ...


class TokenBucket:
    """Accepts a number of requests per second on average, and a burst."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left: float | None = None
        self._filled_at = -inf

    def admits(self, now: float) -> bool:
        left = self._fill(now)
        self._left = left - (left >= 1)
        return left >= 1

    def finish(self) -> None:
        pass

    def wait(self, now: float) -> float:
        rate = self._settings.rate_limit_per_second
        return max(0.0, 1 - self._fill(now)) / rate if rate else 0.0

    def quota(self, now: float) -> tuple[int, int]:
        return self._settings.rate_limit_burst, int(self._fill(now))

    def _fill(self, now: float) -> float:
        burst, rate = self._settings.rate_limit_burst, self._settings.rate_limit_per_second
        refill = burst if self._left is None or rate is None else (now - self._filled_at) * rate
        self._left, self._filled_at = min(burst, (self._left or 0.0) + refill), now
        return self._left


class FixedWindow:
    """Accepts a number of requests in each window; windows start at multiples of their length."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._window = -1
        self._count = 0

    def admits(self, now: float) -> bool:
        is_admitted = self.quota(now)[1] > 0
        self._count += is_admitted
        return is_admitted

    def finish(self) -> None:
        pass

    def wait(self, now: float) -> float:
        return self._settings.rate_limit_window_seconds * (self._window_at(now) + 1) - now

    def quota(self, now: float) -> tuple[int, int]:
        if self._window_at(now) != self._window:
            self._window, self._count = self._window_at(now), 0
        limit = _requests(self._settings)
        return limit, max(0, limit - self._count)

    def _window_at(self, now: float) -> int:
        return int(now / self._settings.rate_limit_window_seconds)


class SlidingWindow:
    """Accepts a number of requests in any span of the length of a window."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admitted: deque[float] = deque()

    def admits(self, now: float) -> bool:
        is_admitted = self.quota(now)[1] > 0
        if is_admitted:
            self._admitted.append(now)
        return is_admitted

    def finish(self) -> None:
        pass

    def wait(self, now: float) -> float:
        oldest = self._admitted[0] if self._admitted else now
        return max(0.0, oldest + self._settings.rate_limit_window_seconds - now)

    def quota(self, now: float) -> tuple[int, int]:
        while self._admitted and self.wait(now) <= 0:
            self._admitted.popleft()
        limit = _requests(self._settings)
        return limit, max(0, limit - len(self._admitted))


class Concurrency:
    """Accepts a number of requests at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running = 0

    def admits(self, now: float) -> bool:
        is_admitted = self.quota(now)[1] > 0
        self._running += is_admitted
        return is_admitted

    def finish(self) -> None:
        self._running -= 1

    def wait(self, now: float) -> float:
        del now  # unknown: it depends on the requests that are running
        return 1.0

    def quota(self, now: float) -> tuple[int, int]:
        del now
        limit = _requests(self._settings)
        return limit, max(0, limit - self._running)


KINDS: dict[str, Callable[[Settings], Limiter]] = {
    "token_bucket": TokenBucket,
    "fixed_window": FixedWindow,
    "sliding_window": SlidingWindow,
    "concurrency": Concurrency,
}


class RateLimit:
    """Applies the limiter of the settings; thread-safe.

    `clock` gives the seconds since 1970, as windows start with minutes of the day.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = Lock()
        self._limiters: dict[tuple[str, str | None], Limiter] = {}
        self._random = Random(1)  # noqa: S311 - repeatable test data
        self._next_other: float | None = None

    @contextmanager
    def admission(self, key: str | None) -> Iterator[Answer | None]:
        """Count a request until exit; gives the refusal if it is over the limit, else None."""
        with self._lock:
            limiter = self._limiter(key)
            now = self._clock()
            self._count_others(limiter, now)
            refusal = None if limiter is None or limiter.admits(now) else self._refusal(limiter)
        try:
            yield refusal
        finally:
            with self._lock:
                if limiter is not None and refusal is None:
                    limiter.finish()

    def with_headers(self, answer: Answer, key: str | None) -> Answer:
        """The response with the configured headers about the limit."""
        prefix = {"none": "", "ratelimit": "RateLimit", "x_ratelimit": "X-RateLimit"}[
            self._settings.rate_limit_headers
        ]
        with self._lock:
            limiter = self._limiter(key)
            if not prefix or limiter is None:
                return answer
            now = self._clock()
            limit, left = limiter.quota(now)
            reset = ceil(limiter.wait(now) + (now if prefix.startswith("X") else 0))
        told = {"Limit": limit, "Remaining": left, "Reset": reset}
        named = {f"{prefix}-{name}": str(value) for name, value in told.items()}
        return replace(answer, headers=answer.headers | named)

    def _limiter(self, key: str | None) -> Limiter | None:
        settings = self._settings
        kind = settings.rate_limit
        is_bucket = kind == "token_bucket"
        if (settings.rate_limit_per_second if is_bucket else settings.rate_limit_requests) is None:
            return None
        owner = (kind, key if settings.rate_limit_per_key else None)
        if owner not in self._limiters:
            self._limiters[owner] = KINDS[kind](settings)
        return self._limiters[owner]

    def _count_others(self, limiter: Limiter | None, now: float) -> None:
        """Count the requests that other clients have sent since the last call."""
        rate = self._settings.rate_limit_others_per_second
        if limiter is None or not rate or self._settings.rate_limit == "concurrency":
            return
        self._next_other = now if self._next_other is None else self._next_other
        while self._next_other <= now:
            limiter.admits(self._next_other)
            self._next_other += self._random.expovariate(rate)

    def _refusal(self, limiter: Limiter) -> Answer:
        settings, headers = self._settings, {}
        if settings.rate_limit_retry_after:
            now = self._clock()
            wait = ceil(limiter.wait(now))
            headers["Retry_After"] = {
                "constant": retry_after_text(settings.retry_after_seconds),
                "exact": retry_after_text(max(1, wait)),
                "date": formatdate(ceil(now + wait), usegmt=True),
            }[settings.rate_limit_retry_after_form]
        return error(settings.rate_limit_status, "Rate limit exceeded", **headers)


def _requests(settings: Settings) -> int:
    return settings.rate_limit_requests or 0
