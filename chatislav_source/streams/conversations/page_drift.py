"""Did a window move while it was read page by page, and which windows must be read again.

With page tokens that are offsets, a conversation that leaves the pages already read pulls the next
one into their place, where nobody looks again. Two things give that away: a page that repeats a
conversation or is short although more follow, and a conversation that turns up among the newest
days although it was part of an older window when the sync began.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatislav_source.streams.conversations.observations import ChangedDuringSync
from chatislav_source.streams.conversations.page import Page
from chatislav_source.streams.date_window import DateWindow

MAX_USELESS_PAGES = 20  # in a row that bring nothing new, each with a good page token
MAX_READINGS = 3  # of a window that shifts while it is read, before it is split


@dataclass
class OpenWindow:
    """A window under way; `keys` are hashes of the conversations it gave so far.

    `resumed` windows were begun by an earlier run, so that the first keys are not known. `of_tail`
    are the newest days, which are read last.
    """

    window: DateWindow
    limit: int
    page_token: str | None = None
    resumed: bool = False
    of_tail: bool = False
    waiting: bool = False
    pages: int = 0
    useless_pages: int = 0  # in a row, that brought nothing new
    doubtful: bool = False
    keys: set[int] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)

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


class PageDriftDetector:
    """Keeps what was read in several pages until the newest days have been read as well."""

    def __init__(self, unverified: Iterable[DateWindow]) -> None:
        self._unverified: dict[DateWindow, array[int] | None] = dict.fromkeys(unverified)
        self._earlier: dict[DateWindow, frozenset[int]] = {}
        self._readings: dict[DateWindow, int] = {}
        self._left: set[DateWindow] = set()

    @property
    def unverified(self) -> list[DateWindow]:
        """Windows that may still turn out to have moved."""
        return [*self._unverified, *self._left]

    def closed(self, read: OpenWindow) -> list[DateWindow]:
        """What must be read again now that `read` is through; nothing if it looks whole.

        Two readings that gave the same conversations are believed, however odd their pages.
        """
        window = read.window
        keys = frozenset(read.keys)
        agrees = not read.resumed and self._earlier.get(window) == keys
        if read.doubtful and not agrees:
            self._earlier[window] = keys
            self._readings[window] = self._readings.get(window, 0) + 1
            return [window] if self._readings[window] < MAX_READINGS else window.halves()
        self._unverified[window] = None if read.resumed else array("q", keys)
        return []

    def gave_up(self, window: DateWindow) -> bool:
        """Whether `window` has moved through every reading it gets in one sync."""
        return window.days == 1 and self._readings.get(window, 0) >= MAX_READINGS

    def saw(self, touched: Sequence[ChangedDuringSync]) -> None:
        """Conversations of the newest days that changed while the sync ran."""
        if not touched:
            return
        keys = {conversation.key for conversation in touched}
        for window in [w for w in self._unverified if self._held_one(w, keys, touched)]:
            del self._unverified[window]
            self._left.add(window)

    def _held_one(
        self, window: DateWindow, keys: set[int], touched: Sequence[ChangedDuringSync]
    ) -> bool:
        known = self._unverified[window]
        if known is not None:
            return not keys.isdisjoint(known)
        # read by an earlier run: its keys are gone, so the days of the conversations must tell
        days = [conversation.days for conversation in touched]
        return any(not d or any(map(window.widened(1).contains, d)) for d in days)

    def take_left(self) -> list[DateWindow]:
        """The windows that conversations left while they were read; forgotten here."""
        left, self._left = sorted(self._left), set()
        return left
