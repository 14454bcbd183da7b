"""Retries after a page of a window failed: smaller pages, the same window again, or its halves."""

from __future__ import annotations

from chatislav_source.errors import ChatislavError, RequestRejectedError, RetriesExhaustedError
from chatislav_source.streams.conversations.newest_days import NewestDays
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.conversations.page import MIN_PAGE_SIZE
from chatislav_source.streams.date_window import DateWindow

MAX_PAGE_SIZE = 100  # conversations; the API allows 1 to 100
MAX_TOKEN_RESTARTS = 5  # of one window whose page token is refused
MAX_FAILED_WINDOWS = 3  # in a row; then the cause is not the window
TOKEN_REFUSALS = frozenset({400, 404, 410, 422})


class WindowRetries:
    """Per window, its page size and how often it was restarted."""

    def __init__(self) -> None:
        self.one_at_a_time = False  # page tokens expire before windows read in parallel end
        self._page_sizes: dict[DateWindow, int] = {}
        self._restarts: dict[DateWindow, int] = {}

    def page_size(self, window: DateWindow) -> int:
        """Conversations per page of this window."""
        return self._page_sizes.get(window, MAX_PAGE_SIZE)

    def windows_to_try(self, opened: OpenWindow, error: ChatislavError) -> list[DateWindow]:
        """The windows to read after `error`; empty if no retry is left."""
        if isinstance(error, RequestRejectedError):
            return self._restarted(opened) if is_token_refused(opened, error) else []
        if isinstance(error, RetriesExhaustedError) and self._shrink_pages(opened, error):
            return [opened.window]
        return []

    def _restarted(self, opened: OpenWindow) -> list[DateWindow]:
        """Restart the window; from the second time on in halves, which need fewer pages."""
        restarts = self._restarts.get(opened.window, 0) + (0 if opened.resumed else 1)
        self._restarts[opened.window] = restarts
        self.one_at_a_time = restarts > 1
        if restarts > MAX_TOKEN_RESTARTS:
            return []
        return opened.window.halves() if restarts > 1 else [opened.window]

    def _shrink_pages(self, opened: OpenWindow, error: RetriesExhaustedError) -> bool:
        """Halve the page size of a window if its pages may be too large; returns whether it did."""
        if not error.size_may_be_why or opened.limit <= MIN_PAGE_SIZE:
            return False
        self._page_sizes[opened.window] = max(opened.limit // 2, MIN_PAGE_SIZE)
        return True


class WindowFailures:
    """The windows that could not be read, and how many failed in a row."""

    def __init__(self) -> None:
        self.of_ranges: dict[DateWindow, ChatislavError] = {}
        self._in_a_row = 0

    @property
    def are_too_many(self) -> bool:
        """Whether so many failed in a row that the cause is not the window."""
        return self._in_a_row >= MAX_FAILED_WINDOWS

    def note_success(self) -> None:
        """Note that a page was read."""
        self._in_a_row = 0

    def note_failure(self, opened: OpenWindow, newest: NewestDays, error: ChatislavError) -> None:
        """Note that a window could not be read."""
        failed = newest.failed if opened.of_newest else self.of_ranges
        failed[opened.window] = error
        self._in_a_row += 1


def is_token_refused(opened: OpenWindow, error: RequestRejectedError) -> bool:
    """Whether the API may have rejected the page token rather than the request."""
    return opened.page_token is not None and error.status in TOKEN_REFUSALS
