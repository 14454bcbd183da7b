"""The protocol of a partition: one bot of one stream, as the worker pool reads it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from chatislav_source.api.client import ChatislavClient
from chatislav_source.errors import ChatislavError
from chatislav_source.streams.state import State

Request = TypeVar("Request")
Item = TypeVar("Item")


class Partition(Protocol[Request, Item]):
    """Decides what is read of one bot, and keeps the state that a later run continues from.

    All methods but `read` are called by one thread at a time; `read` is called by several at once.
    `done` says that everything was read, `error` why nothing more is; `warnings` are for people.
    """

    bot_id: int
    state: State
    error: ChatislavError | None
    warnings: list[str]

    @property
    def done(self) -> bool: ...

    def next_request(self) -> Request | None:
        """The next request to send; None while others are in flight, and at the end."""
        ...

    def read(self, request: Request, client: ChatislavClient) -> Item:
        """Send one request and parse the answer; changes nothing of the partition.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        ...

    def on_page(self, request: Request, item: Item) -> State:
        """The checkpoint after `item`, the answer to `request`.

        Raises:
            ChatislavError: the answer cannot be used; `on_error` must be called with the error.
        """
        ...

    def on_error(self, request: Request, error: ChatislavError) -> State:
        """The checkpoint after `request` failed."""
        ...

    def abort(self, error: ChatislavError) -> None:
        """Read no more of this bot in this run."""
        ...
