"""Retries after a page of a window failed: smaller pages, the same window again, or parts of it.

The parts are halves of its days; of a single day, its channels; of a channel, its resolution
statuses.
"""

from __future__ import annotations

from chatislav_source.errors import ChatislavError, RequestRejectedError, RetriesExhaustedError
from chatislav_source.streams.conversations.newest_days import NewestDays
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.conversations.page import MIN_PAGE_SIZE
from chatislav_source.streams.date_window import DateWindow

MAX_PAGE_SIZE = 100  # conversations; the API allows 1 to 100
MAX_TOKEN_RESTARTS = 5  # of one window whose page token is refused
DEEP_ROWS = 500  # read before a page fails; then rather the depth is the cause than the page size
MAX_SPLITS_WITHOUT_END = 3  # of windows without end, which have a day or two
MAX_FAILED_WINDOWS = 3  # in a row; then the cause is not the window
TOKEN_REFUSALS = frozenset({400, 404, 410, 422})


class WindowRetries:
    """Per window, its page size and how often it was restarted."""

    def __init__(self) -> None:
        self.one_at_a_time = False  # page tokens expire before windows read in parallel end
        self._page_sizes: dict[DateWindow, int] = {}
        self._restarts: dict[DateWindow, int] = {}
        self._split_without_end: set[DateWindow] = set()

    def page_size(self, window: DateWindow) -> int:
        """Conversations per page of this window."""
        return self._page_sizes.get(window, MAX_PAGE_SIZE)

    def windows_to_try(self, opened: OpenWindow, error: ChatislavError) -> list[DateWindow]:
        """The windows to read after `error`; empty if no retry is left."""
        if isinstance(error, RequestRejectedError):
            return self._restarted(opened) if is_token_refused(opened, error) else []
        if not isinstance(error, RetriesExhaustedError) or not error.size_may_be_why:
            return []
        is_deep = len(opened.listing.keys) >= DEEP_ROWS
        parts = self._parts(opened.window) if is_deep else []
        if not parts and self._shrink_pages(opened):
            return [opened.window]
        is_long = opened.listing.page_token is not None and opened.window.days > 1
        return parts or (opened.window.halves() if is_long else [])

    def _restarted(self, opened: OpenWindow) -> list[DateWindow]:
        """Restart the window; from the second time on in halves, which need fewer pages."""
        restarts = self._restarts.get(opened.window, 0) + (0 if opened.resumed else 1)
        self._restarts[opened.window] = restarts
        self.one_at_a_time = restarts > 1
        if restarts <= 1:
            return [opened.window]
        if restarts <= MAX_TOKEN_RESTARTS:
            return opened.window.halves()
        return self._parts(opened.window) if len(opened.listing.keys) >= DEEP_ROWS else []

    def _parts(self, window: DateWindow) -> list[DateWindow]:
        """Windows with fewer conversations that together have the same; empty if there are none."""
        if window.days > 1:
            return window.halves()
        is_without_end = window.last_day is None and not window.is_filtered
        if is_without_end and self._may_split_without_end(window):
            self._split_without_end.add(window)
            return window.split_first_day()
        return window.filtered()

    def _may_split_without_end(self, window: DateWindow) -> bool:
        # each split leaves another window without end, so there is a limit; but a window that is
        # read again is split again
        known = self._split_without_end
        return window in known or len(known) < MAX_SPLITS_WITHOUT_END

    def _shrink_pages(self, opened: OpenWindow) -> bool:
        """Halve the page size of a window if its pages may be too large; returns whether it did."""
        if opened.limit <= MIN_PAGE_SIZE:
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
    return opened.listing.page_token is not None and error.status in TOKEN_REFUSALS


def warnings_of_filters(bot_id: int, windows: list[DateWindow]) -> list[str]:
    """What may be missing if days are read by filters; empty if `windows` have none."""
    days = dict.fromkeys(window.unfiltered for window in windows if window.is_filtered)
    return [
        f"Bot {bot_id}: the API does not list all conversations of {day} at once, so they were "
        "read by channel and resolution status; those with a channel or a status that it does not "
        "document may be missing."
        for day in days
    ]
