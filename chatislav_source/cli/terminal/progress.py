"""The progress of a sync: live on a terminal, elsewhere as log lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chatislav_source.cli.terminal.encoding import is_unicode
from chatislav_source.destinations.dlt_internals import NullCollector
from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.conversations.page import Page, PageRequest
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State

logger = logging.getLogger(__name__)

SECONDS_PER_LINE = 10.0  # of the plain log


class SyncProgress(NullCollector):
    """Counts what is read, and notes when dlt loads; `shown` gets the text after each change.

    The share that is read is counted in days of conversations, of all bots.
    """

    def __init__(self, bots: int, shown: Callable[[str], None]) -> None:
        self._bots = bots
        self._shown = shown
        self._place = ""
        self._rows = {"conversations": 0, "analytics": 0}
        self._first_left: dict[int, int] = {}
        self._read: dict[int, float] = {}
        self._is_loading = False

    def on_page(self, stream: str, page: AnyPage) -> None:
        """Count one page; a page of analytics is one day."""
        if page.item is not None:
            self._rows[stream] += len(page.item.keys) if isinstance(page.item, Page) else 1
        self._place = f"bot {page.bot_id}, {_day(page.request)}"
        if isinstance(page.request, PageRequest):
            left = days_left(page.checkpoint)
            first = self._first_left.setdefault(page.bot_id, left + page.request.window.days)
            self._read[page.bot_id] = max(0.0, 1 - left / first)
        self._shown(str(self))

    def _start(self, step: str) -> None:
        """Called by dlt when it begins to extract, normalize or load."""
        self._is_loading = step.startswith("Load")
        self._shown(str(self))

    def __str__(self) -> str:
        if not self._place:
            return "connecting"
        conversations, days = self._rows.values()
        share = round(100 * sum(self._read.values()) / self._bots)
        counts = f"{conversations:,} conversations, {days:,} days"
        return f"{share} %, {self._place}: {counts}{', loading' * self._is_loading}"


def _day(request: Any) -> str:
    """The first day that a request is about."""
    if isinstance(request, DayRequest):
        return str(request.day)
    return str(request.window.first_day) if isinstance(request, PageRequest) else ""


def days_left(checkpoint: State) -> int:
    """Days of conversations that are still to be read, in a stored state."""
    progress = checkpoint.get("backfill") or checkpoint.get("progress")
    if not progress:
        return 0
    windows = [*progress["todo"], *(each["window"] for each in progress["open"])]
    return sum(DateWindow.parse(window).days for window in windows)


class LiveLine:
    """The progress as one line of a terminal, which is removed at the end."""

    def __init__(self, console: Console) -> None:
        spinner = SpinnerColumn("dots" if is_unicode(console.file) else "line")
        columns = (spinner, TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("connecting", total=None)

    def __enter__(self) -> Callable[[str], None]:
        self._progress.start()
        return lambda text: self._progress.update(self._task, description=text)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class LogLines:
    """The progress as log lines, at least `seconds` apart."""

    def __init__(
        self, seconds: float = SECONDS_PER_LINE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next = clock() + seconds

    def __enter__(self) -> Callable[[str], None]:
        return self.show

    def show(self, text: str) -> None:
        """Log the text, unless there was a line a short time ago."""
        now = self._clock()
        if now >= self._next:
            self._next = now + self._seconds
            logger.info("%s", text)

    def __exit__(self, *_: object) -> None:
        pass
