"""The HTTP response of the sandbox, before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatislav_source.sandbox.rendering.json_bytes import json_bytes

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """An HTTP response; with `cut` the connection is reset without a response.

    `body` may be an object or list, sent as JSON. `path`, as "/analytics", restricts a scripted
    response to requests of that path.
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
    """A JSON error; its body is an assumption, as error bodies are not documented."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": message}, named)


def retry_after_text(seconds: float) -> str:
    """The text of a Retry-After header; a whole number of seconds has no decimals."""
    return f"{seconds:g}"
