"""A window whose pages are being read: its progress, and whether its pages are consistent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chatislav_source.streams.conversations.page import Page, PageRequest
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.key_set import KeySet
from chatislav_source.streams.state import State

MAX_STORED_TOKEN = 120  # characters; a window with a longer page token begins anew in the next run
MAX_USELESS_PAGES = 20  # in a row without a new conversation, each with a new page token
MAX_FLAG_PASSES = 3  # over a listing of flagged conversations whose pages are not consistent


@dataclass(eq=False)
class OpenWindow:
    """A window that is being read; `keys` are hashes of the session ids read so far.

    `resumed`: an earlier run began it, so `keys` lacks the pages of that run. `of_newest`: it is
    part of the newest days. `waiting`: a request is in flight. `served`: conversations on the first
    page, which may be fewer than `limit`. `doubtful`: its pages are not consistent, so rows may
    have moved between them. `flags` lists its flagged conversations before the rows are read; None
    if that is not asked.
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
    keys: KeySet = field(default_factory=KeySet)
    tokens: set[str] = field(default_factory=set)
    flags: FlaggedListing | None = None

    @property
    def listing(self) -> OpenWindow:
        """What is being read: the flagged conversations, or all."""
        return self.flags.current if self.flags and self.flags.current else self

    def request(self, bot_id: int) -> PageRequest:
        """The next page to read."""
        self.waiting = True
        token, flags = self.listing.page_token, self.flags
        if flags and flags.current:
            return PageRequest(bot_id, self.window, token, self.limit, asks_flagged=True)
        flagged = flags.keys if flags else None
        return PageRequest(bot_id, self.window, token, self.limit, flagged=flagged)

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
        """Whether one request read all rows of the window, so that page drift is impossible.

        With flags, one more had all flagged ones.
        """
        is_one = self.flags is None or self.flags.is_one_page
        return self.pages == 1 and not self.resumed and is_one

    @property
    def all_keys(self) -> Iterator[int]:
        """Hashes of the session ids on all pages; some may come twice."""
        yield from self.keys
        if self.flags and not self.flags.is_one_page:
            yield from self.flags.keys

    def take(self, page: Page) -> None:
        """Record the keys of `page`, and whether it is consistent with the pages before."""
        self.waiting = False
        self.pages += 1
        keys = page.identified
        new = self.keys.add(keys)
        self.useless_pages = 0 if new else self.useless_pages + 1
        is_repeating = new < len(keys)
        self.doubtful = self.doubtful or is_repeating or self._is_of_another_size(page)

    def take_flagged(self, page: Page) -> str | None:
        """Record a page of flagged conversations; returns a problem as `FlaggedListing.take`."""
        assert self.flags, "the flagged conversations were not asked for"  # noqa: S101
        self.waiting = False
        problem = self.flags.take(page)
        self.doubtful = self.doubtful or self.flags.doubtful
        return problem

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


class FlaggedListing:
    """The conversations of a window that have guardrail events.

    `keys` are hashes of their session ids, of all passes: a conversation that one pass misses, as
    rows moved between its pages, is still flagged. `current` is the pass under way; None at the
    end. `doubtful`: each pass had conversations that those before it missed.
    """

    def __init__(self, window: DateWindow, limit: int) -> None:
        self.keys = KeySet()
        self.current: OpenWindow | None = OpenWindow(window, limit)
        self.is_one_page = True
        self.doubtful = False
        self._passes = 0
        self._found = 0  # in the current pass

    def take(self, page: Page) -> str | None:
        """Record a page; returns a problem if the pages may never end, else None."""
        listing = self.current
        assert listing, "every page of flagged conversations has been read"  # noqa: S101
        listing.take(page)
        self._found += self.keys.add(page.flagged_keys)
        if page.has_more:
            self.is_one_page = False
            return listing.go_on(page.next_token or "")
        self._passes += 1
        self.doubtful = listing.doubtful and self._found > 0
        is_read_again = self.doubtful and self._passes < MAX_FLAG_PASSES
        self.current = OpenWindow(listing.window, listing.limit) if is_read_again else None
        self._found = 0
        return None


def resumed_windows(progress: State, with_flags: bool) -> list[OpenWindow]:
    """The windows that an earlier run had open, each at its page token.

    Their flagged conversations are listed again, as no state has them.
    """
    return [
        OpenWindow(
            window := DateWindow.parse(entry["window"]),
            entry["limit"],
            entry["page_token"],
            resumed=True,
            of_newest=entry["window"] == progress["tail"],
            flags=FlaggedListing(window, entry["limit"]) if with_flags else None,
        )
        for entry in progress["open"]
    ]
