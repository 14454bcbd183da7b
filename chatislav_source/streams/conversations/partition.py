"""The partition of one bot's conversations: which page to read next, and the state after each page.

No HTTP, no clock, no threads. Windows are read newest first, several in parallel. The newest days
are read last, because conversations that change while other windows are read move there.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from chatislav_source.api.client import CONVERSATIONS_PATH, ChatislavClient
from chatislav_source.errors import (
    ChatislavError,
    RequestRejectedError,
    UnexpectedResponseError,
)
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.newest_days import NewestDays
from chatislav_source.streams.conversations.open_window import (
    FlaggedListing,
    OpenWindow,
    resumed_windows,
)
from chatislav_source.streams.conversations.page import Page, PageReader, PageRequest
from chatislav_source.streams.conversations.verification import (
    Verification,
    warnings_of_drift,
)
from chatislav_source.streams.conversations.window_queue import WindowQueue
from chatislav_source.streams.conversations.window_retries import (
    WindowFailures,
    WindowRetries,
    is_token_refused,
    warnings_of_filters,
)
from chatislav_source.streams.conversations.window_sizer import WindowSizer
from chatislav_source.streams.date_window import DateWindow, coarser, merged
from chatislav_source.streams.state import State

# A state stays under 4 kB. A window with a longer page token begins anew in the next run; of more
# unverified windows, neighbours are verified as one.
MAX_STORED_OPEN = 8
MAX_STORED_WINDOWS = 40  # each of those to read and those to verify


class Phase(Enum):
    """The progress of a partition."""

    RANGES = auto()
    """Ranges of days are read, window by window."""
    NEWEST = auto()
    """The newest days are read, and windows left from an earlier run."""
    VERIFYING = auto()
    """Windows that drifted are read again; then the newest days are."""
    DONE = auto()
    FAILED = auto()
    """Reading stopped for the rest of the run."""


class ConversationsPartition:
    """Reads the windows left in `bot_state[slot]`: the "progress" of a sync, or a "backfill".

    A backfill reads the newest days only if a window must be checked for page drift. It changes
    only its own slot, and `again`.
    """

    def __init__(self, bot_state: State, slot: str, at_once: int, reader: PageReader) -> None:
        progress = bot_state[slot]
        self.bot_id: int = bot_state["bot_id"]
        self.state = bot_state
        self.error: ChatislavError | None = None
        self.warnings: list[str] = []
        self.reader = reader
        self._slot = slot
        self._newest = NewestDays(DateWindow.parse(progress["tail"]))
        self._open = resumed_windows(progress, reader.with_flags)
        is_newest_open = any(opened.of_newest for opened in self._open)
        self.phase = Phase.NEWEST if is_newest_open else Phase.RANGES
        ranges = state.parsed(progress["todo"])
        days = sum(window.days for window in ranges)
        self._queue = WindowQueue(ranges, WindowSizer(bot_state["rows_per_day"], days, at_once))
        self._verification = Verification(state.parsed(progress["unverified"]))
        self._retries = WindowRetries()
        self._failures = WindowFailures()
        if not (self._is_sync or ranges or self._open or self._verification.drift.unverified):
            self.phase, self.state = Phase.DONE, state.backfilled(bot_state, ())

    @property
    def done(self) -> bool:
        """Whether everything was read and the state is final."""
        return self.phase is Phase.DONE

    @property
    def _is_sync(self) -> bool:
        return self._slot == "progress"

    def next_request(self) -> PageRequest | None:
        """The next page to read; None at the end, or while responses must come first."""
        if self.phase in (Phase.DONE, Phase.FAILED):
            return None
        opened = (
            next((opened for opened in self._open if not opened.waiting), None) or self._begin()
        )
        if opened is None:
            return None
        # round robin, so that long windows end at about the same time
        self._open.remove(opened)
        self._open.append(opened)
        return opened.request(self.bot_id)

    def read(self, request: PageRequest, client: ChatislavClient) -> Page:
        """Fetch and parse the page of `request`.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        return self.reader.read(request, client)

    def _begin(self) -> OpenWindow | None:
        if self._open and self._retries.one_at_a_time:
            return None
        window = self._queue.pop()
        of_newest = window is None
        window = window or self._next_of_newest()
        if window is None:
            return None
        limit = self._retries.page_size(window)
        flags = FlaggedListing(window, limit) if self.reader.with_flags else None
        opened = OpenWindow(window, limit, of_newest=of_newest, flags=flags)
        self._open.append(opened)
        return opened

    def _next_of_newest(self) -> DateWindow | None:
        if self._newest_days_follow() and not self._open:
            self.phase = Phase.NEWEST
            self._newest.begin(split=self._queue.sizer.is_high)
        return self._newest.pop()

    def _newest_days_follow(self) -> bool:
        if self.phase not in (Phase.RANGES, Phase.VERIFYING):
            return False
        return self._is_sync or bool(self._verification.drift.unverified)

    def on_page(self, request: PageRequest, page: Page) -> State:
        """The bot's state after `page`.

        Raises:
            UnexpectedResponseError: the page token is repeated, or pages have no new rows.
        """
        opened = self._window_of(request)
        self._failures.note_success()
        if request.asks_flagged:
            _refuse(request, opened.take_flagged(page))
            return self._settle()
        opened.take(page)
        if page.has_more:
            self._go_on(request, opened, page)
        else:
            self._close(opened)
        if opened.of_newest:
            self._verification.drift.observe(page.observations.changed)
        if self._is_sync:
            seen = state.with_date_filter(self.state, page.observations.date_filter)
            self.state = state.with_activity(seen, page.observations.last_activity)
        return self._settle()

    def _window_of(self, request: PageRequest) -> OpenWindow:
        wanted = (request.window, request.page_token)
        return next(each for each in self._open if (each.window, each.listing.page_token) == wanted)

    def _go_on(self, request: PageRequest, opened: OpenWindow, page: Page) -> None:
        _refuse(request, opened.go_on(page.next_token or ""))
        if opened.pages == 1:
            self._queue.sizer.observe_first_page(len(opened.keys), opened.window.days)

    def _close(self, opened: OpenWindow) -> None:
        self._open.remove(opened)
        if opened.of_newest:
            self._newest.close(opened, others_open=bool(self._open))
            return
        self._failures.of_ranges.pop(opened.window, None)
        if not (opened.resumed or opened.window.is_filtered):
            self._queue.sizer.observe_window(len(opened.keys), opened.window.days)
        if self._is_read_by_next_sync(opened.window) or opened.is_one_page:
            return
        again = self._verification.drift.close(opened)
        if again and self._verification.drift.gave_up(opened.window):
            self._give_up([opened.window])
        else:
            self._queue.add(again)

    def _is_read_by_next_sync(self, window: DateWindow) -> bool:
        """Whether the next sync reads every day of `window` again, so that drift needs no check."""
        settled_before = state.day_of(self.state[self._slot]["settled_before"])
        return settled_before is not None and settled_before <= window.first_day

    def _give_up(self, windows: list[DateWindow]) -> None:
        self._verification.give_up(windows)
        self.warnings += warnings_of_drift(self.bot_id, windows)

    def on_error(self, request: PageRequest, error: ChatislavError) -> State:
        """The bot's state after a failed request; its window is queued again if that may help."""
        opened = self._window_of(request)
        self._open.remove(opened)
        windows = self._retries.windows_to_try(opened, error)
        if windows:
            warnings = [*self.warnings, *warnings_of_filters(self.bot_id, windows)]
            self.warnings = list(dict.fromkeys(warnings))
            (self._newest if opened.of_newest else self._queue).add(windows)
        else:
            self._window_failed(opened, error)
        return self._settle()

    def _window_failed(self, opened: OpenWindow, error: ChatislavError) -> None:
        self._failures.note_failure(opened, self._newest, error)
        is_rejected = isinstance(error, RequestRejectedError) and not is_token_refused(
            opened, error
        )
        if is_rejected or self._failures.are_too_many:
            self._fail(error)

    def _fail(self, error: ChatislavError) -> None:
        self.error = error
        self.phase = Phase.FAILED

    def abort(self, error: ChatislavError) -> None:
        """Stop the partition for the rest of the run."""
        self._fail(error)
        self.state = self._with_error()

    def _with_error(self) -> State:
        error = str(self.error) if self.error else self.state["error"]
        return {**self.state, "error": error} if self._is_sync else self.state

    def _settle(self) -> State:
        """The checkpoint. If everything was read, it has nothing left; `state` is the final one."""
        before = {**self._with_error(), self._slot: self._progress()}
        is_all_read = self._queue.is_empty and not self._open and not self._newest.is_left
        if is_all_read and not self._newest_days_follow() and not self.error:
            self._end_round()
        if not self.done:
            self.state = {**self._with_error(), self._slot: self._progress()}
        return before if self.done else self.state

    def _end_round(self) -> None:
        is_needed, drifted = self._verification.end_round(self._newest)
        if is_needed:
            self._queue.add(half for window in drifted for half in window.halves())
            self.phase = Phase.VERIFYING
            return
        self._give_up(drifted)
        failed = self._failures.of_ranges | self._newest.failed
        if failed:
            self._fail(next(iter(failed.values())))
            return
        self.phase = Phase.DONE
        again = self._verification.again
        rows_per_day = self._queue.sizer.rows_per_day
        self.state = (
            state.finished(self.state, rows_per_day, again)
            if self._is_sync
            else state.backfilled(self.state, again)
        )

    def _progress(self) -> State:
        # observations of earlier pages are not stored, so the newest days are read from page 1
        resumable = [opened for opened in self._open if self._is_resumable(opened)]
        resumable = resumable[:MAX_STORED_OPEN]
        fresh = [
            opened.window
            for opened in self._open
            if opened not in resumable and not opened.of_newest
        ]
        failed, again = self._failures.of_ranges, self._verification.again
        drifting = self._verification.drift.unverified
        unverified = dict.fromkeys(window.unfiltered for window in drifting)
        todo = [*self._queue.left, *fresh, *failed, *again]
        return {
            **self.state[self._slot],
            "todo": _texts(coarser(merged(todo), MAX_STORED_WINDOWS)),
            "open": [opened.stored for opened in resumable],
            "unverified": _texts(coarser(list(unverified), MAX_STORED_WINDOWS)),
        }

    def _is_resumable(self, opened: OpenWindow) -> bool:
        if opened.window.is_filtered or not opened.has_storable_token:
            return False
        is_all_newest = opened.window == self._newest.window
        return not opened.of_newest or (is_all_newest and not self._verification.drift.unverified)


def _refuse(request: PageRequest, problem: str | None) -> None:
    if problem:
        raise UnexpectedResponseError(CONVERSATIONS_PATH, str(request), problem)


def _texts(windows: Iterable[DateWindow]) -> list[str]:
    return [str(window) for window in windows]
