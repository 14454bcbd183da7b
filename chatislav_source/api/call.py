"""A request of the client, and its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from chatislav_source.api.api_keys import Target

T = TypeVar("T")


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """A successful response: the parsed body, and the cost of the request.

    `size` is the length of the uncompressed body in bytes, `tries` counts requests from 1, and
    `read_at` is the time in UTC at which the body was complete.
    """

    value: T = field(repr=False)  # holds personal data
    size: int
    tries: int
    read_at: datetime


@dataclass
class Call(Generic[T]):
    """A request to send, perhaps several times; the first fields are those of the client's `post`.

    `requests` counts those that were sent, with any key; `refusals` the tries in which every key
    was refused, the last time with `refused_status`, when `ApiKeys.doubt` was as here.
    """

    path: str
    query: Mapping[str, Any]
    label: str
    parse: Callable[[bytes], T]
    tries: int = 0
    requests: int = 0
    refusals: int = 0
    refused_status: int = 0
    doubt: int = 0

    @property
    def target(self) -> Target:
        """What a key may be refused for."""
        return Target(self.path, self.query.get("bot_id"))
