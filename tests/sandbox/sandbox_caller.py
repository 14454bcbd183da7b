"""Helpers of the sandbox tests: a client over a real socket, and a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx

from chatislav_source.sandbox import Sandbox

Row = dict[str, Any]

LAST_DAY = date(2026, 6, 30)
"""The last day of the generated conversations, in the past, so that they are always the same."""

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
"""Later than all generated conversations."""


class Caller:
    """Posts to a sandbox with its key."""

    def __init__(self, api: Sandbox, http: httpx.Client) -> None:
        self.api = api
        self.http = http

    def post(self, path: str = "/conversations", **body: Any) -> httpx.Response:
        """Send `body`; a trailing underscore lets Python write `from`."""
        fields = {name.rstrip("_"): value for name, value in body.items()}
        return self.http.post(self.api.base_url + path, json=fields)

    def ids(self, **body: Any) -> list[str]:
        """The session ids of one page."""
        return [row["sessionId"] for row in self.post(**body).json()["conversations"]]

    def pages(self, most: int = 200, **body: Any) -> Iterator[Row]:
        """Follow the page tokens, for at most `most` pages."""
        token: Row = {}
        for _ in range(most):
            page = self.post(**body, **token).raise_for_status().json()
            yield page
            if not page["pagination"]["hasMore"]:
                return
            token = {"cursor": page["pagination"]["nextCursor"]}
        raise AssertionError(f"more than {most} pages")

    def all_ids(self, **body: Any) -> list[str]:
        """The session ids of all pages, in order."""
        return [row["sessionId"] for page in self.pages(**body) for row in page["conversations"]]


def served(call: Caller, session_id: str, bot_id: int = 101) -> Row:
    """One conversation as the API sends it, also with lone surrogates and huge numbers."""
    answer = call.post(bot_id=bot_id, session_id=session_id)
    (row,) = json.loads(answer.content)["conversations"]
    return dict(row)


def conversation(session_id: str = "s", **fields: Any) -> Row:
    """A conversation of bot 101 at noon; `fields` replace or extend its fields."""
    message = {"id": "m", "createdAt": NOON, "role": "user", "content": "Zdravo"}
    row = {"sessionId": session_id, "botId": 101, "createdAt": NOON, "lastActivity": NOON}
    return row | {"messages": [message]} | fields
