"""A window whose pages are being read: its progress, and whether its pages are consistent."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatislav_source.streams.conversations.page import Page
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State

MAX_STORED_TOKEN = 120  # characters; a window with a longer page token begins anew in the next run
MAX_USELESS_PAGES = 20  # in a row without a new conversation, each with a new page token


@dataclass
class OpenWindow:
    """A window that is being read; `keys` are hashes of the session ids read so far.

    `resumed`: an earlier run began it, so `keys` lacks the pages of that run. `of_newest`: it is
    part of the newest days. `waiting`: a request is in flight. `served`: conversations on the first
    page, which may be fewer than `limit`. `doubtful`: its pages are not consistent, so rows may
    have moved between them.
    """

    window: DateWindow
    limit: int
    page_token: str | None = None
    resumed: bool = False
    of_newest: bool = False
    waiting: bool = False
    pages: int = 0
    useless_pages: int = 0  # in a row without a new conversation
    served: int | None = None
    doubtful: bool = False
    keys: set[int] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)

    @property
    def has_storable_token(self) -> bool:
        """Whether it has a page token that a state may hold."""
        return self.page_token is not None and len(self.page_token) <= MAX_STORED_TOKEN

    @property
    def stored(self) -> State:
        """The window as a state stores it."""
        return {"window": str(self.window), "page_token": self.page_token, "limit": self.limit}

    @property
    def is_one_page(self) -> bool:
        """Whether one request read the whole window, so that page drift is impossible."""
        return self.pages == 1 and not self.resumed

    def take(self, page: Page) -> None:
        """Record the keys of `page`, and whether it is consistent with the pages before."""
        self.waiting = False
        self.pages += 1
        keys = page.identified
        self.useless_pages = self.useless_pages + 1 if self.keys.issuperset(keys) else 0
        repeated = len(set(keys)) < len(keys) or not self.keys.isdisjoint(keys)
        self.doubtful = self.doubtful or repeated or self._is_of_another_size(page)
        self.keys.update(keys)

    def _is_of_another_size(self, page: Page) -> bool:
        """Whether `page` or the first one was short although more pages followed.

        An API that serves fewer conversations than `limit` serves the same number each time.
        """
        count = page.count
        if self.served is None:
            self.served = count
        return count != self.served if page.has_more else count > self.served

    def go_on(self, page_token: str) -> str | None:
        """Move to the next page; returns a problem if the pages may never end, else None."""
        if page_token in self.tokens:
            return "`nextCursor` came before, so the pages would never end"
        if self.useless_pages > MAX_USELESS_PAGES:
            return f"{self.useless_pages} pages in a row with nothing new, and still `hasMore`"
        self.tokens.add(page_token)
        self.page_token = page_token
        return None


def resumed_windows(progress: State) -> list[OpenWindow]:
    """The windows that an earlier run had open, each at its page token."""
    return [
        OpenWindow(
            DateWindow.parse(entry["window"]),
            entry["limit"],
            entry["page_token"],
            resumed=True,
            of_newest=entry["window"] == progress["tail"],
        )
        for entry in progress["open"]
    ]
