"""The request of the client's tests, and the parser of its response."""

from __future__ import annotations

from typing import Any

import pytest

from chatislav_source.api.call import ApiResponse
from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.pace import Start
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.errors import WrongShapeError
from chatislav_source.records.json_decoder import decode

PATH = "/conversations"
QUERY: dict[str, Any] = {"bot_id": 101, "limit": 2, "channel": "all"}
LABEL = "bot 101, 2026-06-01/2026-06-02"
OTHER_KEY = "chsk_live_the_other_key"


class Clock:
    """A clock that advances by a quarter of a second at each call."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


class RecordingRateLimiter(RateLimiter):
    """Records the start time of each request."""

    def __init__(self) -> None:
        super().__init__(8, Clock())
        self.turns: list[float] = []

    def _enter(self) -> Start:
        start = super()._enter()
        self.turns.append(start.at)
        return start


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a page."""
    value, _ = decode(body)
    if not isinstance(value, dict):
        raise WrongShapeError("the body is not an object")
    if not isinstance(value.get("conversations"), list):
        raise WrongShapeError("`conversations` is not a list")
    pagination = value.get("pagination")
    if not isinstance(pagination, dict) or not isinstance(pagination.get("hasMore"), bool):
        raise WrongShapeError("`pagination` is not as documented")
    if pagination["hasMore"] and not isinstance(pagination.get("nextCursor"), str):
        raise WrongShapeError("`hasMore`, but no `nextCursor`")
    return value


def post(
    client: ChatislavClient, path: str = PATH, tries: int = 8, **query: Any
) -> ApiResponse[dict[str, Any]]:
    """Send one request, by default for a page."""
    return client.post(path, QUERY | query, LABEL, parse, tries=tries)


def error_of(client: ChatislavClient, tries: int = 1) -> type[BaseException]:
    """The type of the error that a request with so many tries raises."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - the type is the result
        post(client, tries=tries)
    return raised.type
