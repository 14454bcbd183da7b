"""A window whose pages are being read: how far it is, and whether its pages look consistent."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatislav_source.streams.conversations.page import Page
from chatislav_source.streams.date_window import DateWindow

MAX_USELESS_PAGES = 20  # in a row that bring nothing new, each with a good page token


@dataclass
class OpenWindow:
    """A window under way; `keys` are hashes of the conversations it gave so far.

    `resumed` windows were begun by an earlier run, so that the first keys are not known.
    `of_newest` windows hold the newest days, which are read last.
    """

    window: DateWindow
    limit: int
    page_token: str | None = None
    resumed: bool = False
    of_newest: bool = False
    waiting: bool = False
    pages: int = 0
    useless_pages: int = 0  # in a row, that brought nothing new
    doubtful: bool = False
    keys: set[int] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)

    @property
    def is_one_page(self) -> bool:
        """Whether all of the window was read by one request, so that no page could shift."""
        return self.pages == 1 and not self.resumed

    def take(self, page: Page) -> None:
        """Note what `page` gave, and whether it looks as if the pages had shifted."""
        self.waiting = False
        self.pages += 1
        self.useless_pages = self.useless_pages + 1 if self.keys.issuperset(page.keys) else 0
        repeated = len(set(page.keys)) < len(page.keys) or not self.keys.isdisjoint(page.keys)
        short = page.has_more and len(page.keys) < self.limit
        self.doubtful = self.doubtful or repeated or short
        self.keys.update(page.keys)

    def go_on(self, page_token: str) -> str | None:
        """Move to the next page; what is wrong if that would never end, else None."""
        if page_token in self.tokens:
            return "`nextCursor` came before, so the pages would never end"
        if self.useless_pages > MAX_USELESS_PAGES:
            return f"{self.useless_pages} pages in a row with nothing new, and still `hasMore`"
        self.tokens.add(page_token)
        self.page_token = page_token
        return None
