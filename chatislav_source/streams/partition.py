"""The protocol of a partition: one bot of one stream, read by the worker pool."""

from __future__ import annotations

from typing import Protocol, TypeVar

from chatislav_source.api.client import ChatislavClient
from chatislav_source.errors import ChatislavError
from chatislav_source.streams.state import State

Request = TypeVar("Request")
Item = TypeVar("Item")


class Partition(Protocol[Request, Item]):
    """Decides which request comes next for one bot, and keeps the state for the next run.

    `read` is called by several threads at once; all other methods by one thread at a time.
    `done`: everything was read. `error`: why reading stopped, None if it did not. `warnings`: texts
    for the user.
    """

    bot_id: int
    state: State
    error: ChatislavError | None
    warnings: list[str]

    @property
    def done(self) -> bool: ...

    def next_request(self) -> Request | None:
        """The next request to send; None at the end, or until a request in flight has ended."""
        ...

    def read(self, request: Request, client: ChatislavClient) -> Item:
        """Send one request and parse the response; does not change the partition.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        ...

    def on_page(self, request: Request, item: Item) -> State:
        """The checkpoint after `item`, the parsed response to `request`.

        Raises:
            ChatislavError: the response is unusable; the caller must pass the error to `on_error`.
        """
        ...

    def on_error(self, request: Request, error: ChatislavError) -> State:
        """The checkpoint after `request` failed."""
        ...

    def abort(self, error: ChatislavError) -> None:
        """Stop the partition for the rest of the run."""
        ...
