"""Answers, good and bad: which fault a request meets, and what it looks like on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import count
from random import Random
from threading import Lock

from .rendering import json_bytes
from .settings import Settings

JSON = "application/json"
HTML = "text/html; charset=utf-8"
ERROR_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

WRONG_SHAPES: tuple[object, ...] = (
    [],
    {},
    {"conversations": None, "pagination": {"limit": 50, "nextCursor": None, "hasMore": False}},
    {"conversations": []},
    {"conversations": [], "pagination": {"limit": 50, "nextCursor": None}},
    {"conversations": [], "pagination": {"limit": 50, "nextCursor": None, "hasMore": "yes"}},
    {"schema": "chatislav_v1", "botId": 1},
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `cut` resets the connection instead of sending it.

    `body` may be an object or list, sent as JSON. `path`, as "/analytics", restricts a scripted
    answer to requests of that path.
    """

    status: int = 200
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)
    path: str | None = None
    cut: bool = False

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json_bytes(self.body)


def error(status: int, message: str, **headers: str) -> Answer:
    """An error as the API might word it; its error bodies are not documented."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": message}, named)


class Faults:
    """Draws the fault of each request; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._seed: int | None = None
        self._random = Random()  # noqa: S311 - made-up bad luck, the same for the same seed
        self._shapes = count()

    def draw(self, path: str, bot_id: int | None) -> str | None:
        """The kind of fault that a request meets, None if it is spared."""
        settings = self._settings
        if settings.fault_paths is not None and path not in settings.fault_paths:
            return None
        if settings.fault_bots is not None and bot_id not in settings.fault_bots:
            return None
        probabilities = settings.faults
        if not probabilities:
            return None
        with self._lock:
            if self._seed != settings.fault_seed:
                self._seed = settings.fault_seed
                self._random.seed(self._seed)
            kinds = self._random.sample(sorted(probabilities), len(probabilities))
            return next((k for k in kinds if self._random.random() < probabilities[k]), None)

    def answer(self, kind: str) -> Answer | None:
        """What a request with that fault is answered; None if the fault is not in the answer."""
        make = _ANSWERS.get(kind)
        if kind == "wrong_shape":
            with self._lock:
                return Answer(body=WRONG_SHAPES[next(self._shapes) % len(WRONG_SHAPES)])
        return make(self._settings) if make else None


def retry_after(settings: Settings) -> str:
    """`retry_after_seconds` as header text, a whole number if it is one."""
    return f"{settings.retry_after_seconds:g}"


def _retry_after_date(settings: Settings) -> str:
    return formatdate(time.time() + settings.retry_after_seconds, usegmt=True)


_ANSWERS: dict[str, Callable[[Settings], Answer]] = {
    "429": lambda _: error(429, "Too many requests"),
    "429_retry_after": lambda s: error(429, "Too many requests", Retry_After=retry_after(s)),
    "429_retry_after_date": lambda s: error(
        429, "Too many requests", Retry_After=_retry_after_date(s)
    ),
    "408": lambda _: error(408, "Request timeout"),
    "425": lambda _: error(425, "Too early"),
    "500": lambda _: error(500, "Internal server error"),
    "502_html": lambda _: Answer(502, ERROR_PAGE, {"Content-Type": HTML}),
    "503": lambda _: error(503, "Service unavailable"),
    "503_retry_after": lambda s: error(503, "Service unavailable", Retry_After=retry_after(s)),
    "invalid_json": lambda _: Answer(body=b'{"conversations": [{"sessionId": "0c7c'),
    "empty_body": lambda _: Answer(body=b""),
    "html_200": lambda _: Answer(200, ERROR_PAGE, {"Content-Type": HTML}),
}


class RateLimit:
    """A token bucket that refills with time; thread-safe."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = Lock()
        self._filled_at: float | None = None
        self._left = 0.0

    def admits(self) -> bool:
        """Whether one more request may pass now; counts it if so."""
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
        """What a request over the limit is answered."""
        headers = {}
        if self._settings.rate_limit_retry_after:
            headers["Retry_After"] = retry_after(self._settings)
        return error(self._settings.rate_limit_status, "Rate limit exceeded", **headers)
