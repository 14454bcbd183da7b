"""Faults: chooses the fault of a request, and builds its response."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from itertools import count
from random import Random
from threading import Lock

from chatislav_source.sandbox.server.answer import Answer, error, retry_after_text
from chatislav_source.sandbox.settings import Settings

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


class Faults:
    """Chooses the fault of each request at random; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._seed: int | None = None
        self._random = Random()  # noqa: S311 - repeatable test data
        self._shapes = count()

    def draw(self, path: str, bot_id: int | None) -> str | None:
        """The kind of fault for a request; None for no fault."""
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

    def of_limit(self, limit: object) -> str | None:
        """The kind of fault for a request with this page size; None for no fault."""
        largest = self._settings.largest_good_limit
        if largest is None or not isinstance(limit, int) or limit <= largest:
            return None
        return self._settings.largest_good_limit_fault

    def answer(self, kind: str) -> Answer | None:
        """The response with that fault; None if the fault does not replace the response."""
        make = _ANSWERS.get(kind)
        if kind == "wrong_shape":
            with self._lock:
                return Answer(body=WRONG_SHAPES[next(self._shapes) % len(WRONG_SHAPES)])
        return make(self._settings) if make else None


def _retry_after(settings: Settings) -> str:
    return retry_after_text(settings.retry_after_seconds)


def _retry_after_date(settings: Settings) -> str:
    return formatdate(time.time() + settings.retry_after_seconds, usegmt=True)


_ANSWERS: dict[str, Callable[[Settings], Answer]] = {
    "429": lambda _: error(429, "Too many requests"),
    "429_retry_after": lambda s: error(429, "Too many requests", Retry_After=_retry_after(s)),
    "429_retry_after_date": lambda s: error(
        429, "Too many requests", Retry_After=_retry_after_date(s)
    ),
    "408": lambda _: error(408, "Request timeout"),
    "425": lambda _: error(425, "Too early"),
    "500": lambda _: error(500, "Internal server error"),
    "502_html": lambda _: Answer(502, ERROR_PAGE, {"Content-Type": HTML}),
    "503": lambda _: error(503, "Service unavailable"),
    "503_retry_after": lambda s: error(503, "Service unavailable", Retry_After=_retry_after(s)),
    "invalid_json": lambda _: Answer(body=b'{"conversations": [{"sessionId": "0c7c'),
    "empty_body": lambda _: Answer(body=b""),
    "html_200": lambda _: Answer(200, ERROR_PAGE, {"Content-Type": HTML}),
}
