"""A client that talks to a sandbox over a real socket, with its key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from chatislav_source.sandbox import Sandbox

Row = dict[str, Any]


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
        """The session ids of all pages, in the order they came."""
        return [row["sessionId"] for page in self.pages(**body) for row in page["conversations"]]
