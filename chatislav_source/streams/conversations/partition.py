"""Which pages of one bot to read, in which order, and when a window must be read again.

No HTTP, no clock, no threads: `next_request` says what to read, `on_page` and `on_error` what came
of it. Windows are read newest first, several at once. The newest days, the tail, are read last,
because whatever moved while the others were read has its newest activity there. A long tail is read
in two windows at once: nothing but its pages is left to be waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from chatislav_source.api.client import ChatislavClient
from chatislav_source.errors import (
    ChatislavError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.page import (
    MIN_PAGE_SIZE,
    PATH,
    Page,
    PageReader,
    PageRequest,
)
from chatislav_source.streams.conversations.page_drift import OpenWindow, PageDriftDetector
from chatislav_source.streams.conversations.window_sizer import WindowSizer
from chatislav_source.streams.date_window import DateWindow, merged
from chatislav_source.streams.state import State

MAX_PAGE_SIZE = 100  # conversations; the API allows 1 to 100
MAX_VERIFICATIONS = 3  # rounds of reading again what conversations moved out of
MAX_TOKEN_RESTARTS = 5  # of one window whose page token is refused

TOKEN_REFUSALS = frozenset({400, 404, 410, 422})
MAX_FAILED_WINDOWS = 3  # in a row: then it is not the window


class ConversationsPartition:
    """Reads what `bot_state[slot]` says is still to do: the "progress" of a sync, or a "backfill".

    `at_once` requests may be in flight. A backfill reads the tail only if a window must be seen not
    to have moved, and changes nothing else in the state.
    """

    def __init__(self, bot_state: State, slot: str, at_once: int, reader: PageReader) -> None:
        progress = bot_state[slot]
        self.bot_id: int = bot_state["bot_id"]
        self.state = bot_state
        self.error: ChatislavError | None = None
        self.warnings: list[str] = []
        self.done = False
        self.reader = reader
        self._slot = slot
        self._is_sync = slot == "progress"
        self._settled_before = state.day_of(progress["settled_before"])
        self._tail = DateWindow.parse(progress["tail"])
        self._tail_left: list[DateWindow] = []  # of the reading under way, not begun yet
        self._quiet_tails = 0  # readings of the tail in a row that showed no move
        self._ranges = state.parsed(progress["todo"])
        self._windows: deque[DateWindow] = deque()  # to be read as they are, not cut or joined
        self._open = [
            OpenWindow(
                DateWindow.parse(entry["window"]),
                entry["limit"],
                entry["page_token"],
                resumed=True,
                of_tail=entry["window"] == progress["tail"],
            )
            for entry in progress["open"]
        ]
        self._tail_in_one = False
        self._tail_begun = any(read.of_tail for read in self._open)
        self._movement = PageDriftDetector(state.parsed(progress["unverified"]))
        self._again: list[DateWindow] = []
        self._failed: dict[DateWindow, ChatislavError] = {}
        self._failed_of_tail: dict[DateWindow, ChatislavError] = {}
        self._failed_in_a_row = 0
        self._rounds = 0
        self._restarts: dict[DateWindow, int] = {}
        self._limits: dict[DateWindow, int] = {}
        self._one_at_a_time = False
        days = sum(window.days for window in self._ranges)
        self._density = WindowSizer(bot_state["rows_per_day"], days, at_once)

    def next_request(self) -> PageRequest | None:
        """The next page to read; None while others must be answered first, or at the end."""
        if self.done or self.error:
            return None
        read = next((read for read in self._open if not read.waiting), None) or self._begin()
        if read is None:
            return None
        read.waiting = True
        # in turn, so that long windows end together, and what is left then can be read at once
        self._open.remove(read)
        self._open.append(read)
        return PageRequest(self.bot_id, read.window, read.page_token, read.limit)

    def read(self, request: PageRequest, client: ChatislavClient) -> Page:
        """The page, fetched and as rows.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        return self.reader.read(request, client)

    def _begin(self) -> OpenWindow | None:
        if self._open and self._one_at_a_time:
            return None
        window = self._next_window()
        of_tail = window is None
        window = window or self._next_of_tail()
        if window is None:
            return None
        limit = self._limits.get(window, MAX_PAGE_SIZE)
        read = OpenWindow(window, limit, of_tail=of_tail)
        self._open.append(read)
        return read

    def _next_window(self) -> DateWindow | None:
        if self._windows:
            return self._windows.popleft()
        if self._ranges:
            window, rest = self._ranges.pop().take_last(self._density.window_days)
            self._ranges += [rest] if rest else []
            return window
        return None

    def _next_of_tail(self) -> DateWindow | None:
        if self._tail_is_left() and not self._open:
            self._tail_begun = True
            self._failed_of_tail = {}
            is_long = self._density.is_high
            self._tail_left = self._tail.first_day_apart() if is_long else [self._tail]
        return self._tail_left.pop() if self._tail_left else None

    def _tail_is_left(self) -> bool:
        return not self._tail_begun and (self._is_sync or bool(self._movement.unverified))

    def on_page(self, request: PageRequest, page: Page) -> State:
        """The bot's state after `page`.

        Raises:
            UnexpectedResponseError: the page token came before, or nothing new comes.
        """
        read = self._of(request)
        read.take(page)
        self._failed_in_a_row = 0
        if page.has_more:
            problem = read.go_on(page.next_token or "")
            if problem:
                raise UnexpectedResponseError(PATH, str(request), problem)
            if read.pages == 1:
                self._density.goes_on(len(read.keys), read.window.days)
        else:
            self._close(read)
        if read.of_tail:
            self._movement.saw(page.touched)
        if self._is_sync:
            seen = state.with_verdict(self.state, page.date_filter)
            self.state = state.with_activity(seen, page.last_activity)
        return self._settle()

    def _of(self, request: PageRequest) -> OpenWindow:
        wanted = (request.window, request.page_token)
        return next(read for read in self._open if (read.window, read.page_token) == wanted)

    def _close(self, read: OpenWindow) -> None:
        self._open.remove(read)
        if read.of_tail:
            self._close_of_tail(read)
            return
        self._failed.pop(read.window, None)
        if not read.resumed:
            self._density.closed(len(read.keys), read.window.days)
        settled = self._settled_before is None or read.window.ends_before(self._settled_before)
        is_one_moment = read.pages == 1 and not read.resumed
        if not settled or is_one_moment:
            return
        again = self._movement.closed(read)
        if again and self._movement.gave_up(read.window):
            self._give_up([read.window])
        else:
            self._windows.extend(again)

    def _close_of_tail(self, read: OpenWindow) -> None:
        if self._open or self._tail_left or self._failed_of_tail:
            return  # it is not read as a whole
        is_whole = read.window == self._tail
        self._tail_in_one = is_whole and read.pages == 1 and not read.resumed
        self._quiet_tails += 1

    def _give_up(self, windows: Iterable[DateWindow]) -> None:
        for window in windows:
            self._again.append(window)
            self.warnings.append(
                f"Bot {self.bot_id}: {window} kept moving while it was read; the next sync reads "
                "it again."
            )

    def on_error(self, request: PageRequest, error: ChatislavError) -> State:
        """The bot's state after a page could not be read: another way is taken, if there is one."""
        read = self._of(request)
        self._open.remove(read)
        if isinstance(error, RequestRejectedError) and request.page_token:
            self._token_refused(read, error)
        elif isinstance(error, RequestRejectedError):
            self._stop(error, read)
        elif isinstance(error, RetriesExhaustedError) and self._smaller_pages(read, error):
            self._reopen(read, [read.window])
        else:
            self._window_failed(read, error)
        return self._settle()

    def _smaller_pages(self, read: OpenWindow, error: RetriesExhaustedError) -> bool:
        """Halve the pages of a window whose pages may be too large or too slow to be had."""
        if not error.size_may_be_why or read.limit <= MIN_PAGE_SIZE:
            return False
        self._limits[read.window] = max(read.limit // 2, MIN_PAGE_SIZE)
        return True

    def _token_refused(self, read: OpenWindow, error: RequestRejectedError) -> None:
        """An expired token only costs its window's pages again; smaller windows need fewer."""
        if error.status not in TOKEN_REFUSALS:
            self._stop(error, read)
            return
        restarts = self._restarts.get(read.window, 0) + (0 if read.resumed else 1)
        self._restarts[read.window] = restarts
        self._one_at_a_time = restarts > 1
        if restarts > MAX_TOKEN_RESTARTS:
            self._window_failed(read, error)
        else:
            self._reopen(read, read.window.halves() if restarts > 1 else [read.window])

    def _reopen(self, read: OpenWindow, windows: list[DateWindow]) -> None:
        (self._tail_left if read.of_tail else self._windows).extend(windows)

    def _window_failed(self, read: OpenWindow, error: ChatislavError) -> None:
        (self._failed_of_tail if read.of_tail else self._failed)[read.window] = error
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= MAX_FAILED_WINDOWS:
            self.error = error

    def abort(self, error: ChatislavError) -> None:
        """Read no more of this bot in this run."""
        self.error = error
        self.state = self._with_error()

    def _with_error(self) -> State:
        error = str(self.error) if self.error else self.state["error"]
        return {**self.state, "error": error} if self._is_sync else self.state

    def _stop(self, error: ChatislavError, read: OpenWindow) -> None:
        self._window_failed(read, error)
        self.error = error

    def _settle(self) -> State:
        """The state to remember; where everything is read, the one at the end."""
        through = not (self._windows or self._ranges or self._open or self._tail_left)
        if through and not self._tail_is_left() and not self.error:
            self._end_round()
        if self.done:
            return self.state
        self.state = {**self._with_error(), self._slot: self._progress()}
        return self.state

    def _end_round(self) -> None:
        left = self._movement.take_left()
        self._quiet_tails = 0 if left else self._quiet_tails
        if (left or self._tail_may_mislead()) and self._rounds < MAX_VERIFICATIONS:
            self._rounds += 1
            self._windows.extend(half for window in left for half in window.halves())
            self._tail_begun = False
            return
        self._give_up(left)
        failed = self._failed | self._failed_of_tail
        if failed:
            self.error = next(iter(failed.values()))
            return
        self.done = True
        again = merged(self._again)
        self.state = (
            state.finished(self.state, self._density.rows_per_day, again)
            if self._is_sync
            else state.backfilled(self.state, again)
        )

    def _tail_may_mislead(self) -> bool:
        """Whether a conversation may have jumped over the reader, as it changed once more."""
        return bool(self._movement.unverified) and not self._tail_in_one and self._quiet_tails < 2

    def _progress(self) -> State:
        # what the first pages of the tail gave away is not kept, so it is read as a whole
        fresh = [read.window for read in self._open if not (read.page_token or read.of_tail)]
        todo = [*self._ranges, *self._windows, *fresh, *self._failed, *self._again]
        unverified = self._movement.unverified
        under_way = [
            {"window": str(read.window), "page_token": read.page_token, "limit": read.limit}
            for read in self._open
            if read.page_token is not None
            and (not read.of_tail or (read.window == self._tail and not unverified))
        ]
        return {
            **self.state[self._slot],
            "todo": [str(window) for window in merged(todo)],
            "open": under_way,
            "unverified": [str(window) for window in unverified],
        }
