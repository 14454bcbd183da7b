"""Text output of the command line: progress, summaries, tables and errors."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pendulum
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chatislav_source.cli.check import CheckResult
from chatislav_source.cli.status import BotStatus
from chatislav_source.extract.page_groups import OnPage
from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.runner.report import ResourceReport, SyncReport
from chatislav_source.streams.conversations.page import Page
from chatislav_source.streams.date_window import utc_instant

logger = logging.getLogger(__name__)

DEFAULT_WIDTH = 100  # characters, if the output is not a terminal
COUNTS = ("conversations", "messages", "analytics days", "unchanged", "requests")
UNEXPECTED = (  # without the error's message, which may contain rows
    "an unexpected {kind}. Nothing is lost: run again to continue from the last load. --debug "
    "shows the traceback; please report it."
)
PAGES_PER_LINE = 100  # of the plain log

out = Console(highlight=False, width=None if sys.stdout.isatty() else DEFAULT_WIDTH)
err = Console(highlight=False, stderr=True, width=None if sys.stderr.isatty() else DEFAULT_WIDTH)


def log_to_stderr(debug: bool) -> None:
    """Send the package's log to stderr: warnings only on a terminal, which shows progress."""
    handler: logging.Handler
    if err.is_terminal:
        handler = RichHandler(console=err, show_path=False, show_time=False)
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("chatislav_source")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.DEBUG if debug else logging.WARNING if err.is_terminal else logging.INFO)


class PageCounter:
    """Counts the conversations and days in the pages of a sync."""

    def __init__(self) -> None:
        self.pages = 0
        self._rows = {"conversations": 0, "analytics": 0}

    def add(self, stream: str, page: AnyPage) -> None:
        """Count one page; a page of analytics is one day."""
        self.pages += 1
        if page.item is not None:
            self._rows[stream] += len(page.item.keys) if isinstance(page.item, Page) else 1

    def __str__(self) -> str:
        conversations, days = self._rows.values()
        return f"{conversations:,} conversations and {days:,} days read"


@contextmanager
def progress() -> Iterator[OnPage]:
    """Show the rows read so far: live on a terminal, elsewhere one log line per 100 pages."""
    if not err.is_terminal:
        yield _log_progress(PageCounter())
        return
    counter = PageCounter()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as shown:
        task = shown.add_task("Connecting", total=None)

        def show(stream: str, page: AnyPage) -> None:
            counter.add(stream, page)
            shown.update(task, description=str(counter))

        yield show


def _log_progress(counter: PageCounter) -> OnPage:
    def log(stream: str, page: AnyPage) -> None:
        counter.add(stream, page)
        if counter.pages % PAGES_PER_LINE == 0:
            logger.info("%s", counter)

    return log


def summary(title: str, report: SyncReport) -> None:
    """Print one row per bot, warnings and errors, and a last line with the result."""
    table = _table(
        title,
        ["bot", "conversations", "messages", "analytics days", "unchanged", "requests", "range"],
    )
    parts = {(part.bot_id, part.resource): part for part in report.resources}
    for bot_id in dict.fromkeys(part.bot_id for part in report.resources):
        both = [parts[bot_id, "conversations"], parts[bot_id, "analytics"]]
        table.add_row(str(bot_id), *_cells(*both))
    out.print(table)
    for warning in report.warnings:
        _line(f"[yellow]{escape(warning)}[/]")
    for part in report.resources:
        if part.error:
            _line(f"[red]✗ bot {part.bot_id}, {part.resource}:[/] {escape(part.error)}")
    _line(_last_line(report))


def _cells(conversations: ResourceReport, analytics: ResourceReport) -> list[str]:
    numbers = (
        conversations.rows,
        conversations.messages,
        analytics.rows,
        conversations.unchanged + analytics.unchanged,
        conversations.requests + analytics.requests,
    )
    days = f"{conversations.first_day} → {conversations.last_day or 'now'}"
    return [f"{number:,}" for number in numbers] + [days]


def _last_line(report: SyncReport) -> str:
    totals = {name: report.total(name) for name in ("rows", "messages", "requests", "retries")}
    retries = f", {totals['retries']:,} of them repeated" if totals["retries"] else ""
    counts = (
        f"{totals['rows']:,} rows and {totals['messages']:,} messages written in "
        f"{report.seconds:.1f} s, with {totals['requests']:,} requests{retries}."
    )
    if report.complete:
        return f"[green]✓ Everything is loaded:[/] {counts}"
    return f"[red]✗ Some data could not be loaded:[/] {counts} Run again to continue from here."


def status_table(title: str, statuses: Sequence[BotStatus]) -> None:
    """Print one row per bot."""
    names = ["bot", "loaded up to", "behind", "conversations", "messages", "analytics days"]
    table = _table(title, [*names, "dates filter on", "state"])
    for bot in statuses:
        table.add_row(
            str(bot.bot_id),
            moment(utc_instant(bot.loaded_up_to) if bot.loaded_up_to else None),
            duration(bot.behind_seconds),
            f"{bot.conversations:,}",
            f"{bot.messages:,}",
            f"{bot.analytics_days:,}",
            bot.date_filter,
            "error" if bot.error else "under way" if bot.under_way else "ok",
        )
    out.print(table)
    for bot in statuses:
        if bot.error:
            _line(f"[red]✗ bot {bot.bot_id}:[/] {escape(bot.error)}")


def check_results(results: Sequence[CheckResult]) -> None:
    """Print one line per check."""
    for result in results:
        mark = "[red]✗[/]" if result.problem else "[green]✓[/]"
        _line(f"{mark} {result.subject}: {escape(result.problem or 'ok')}")


def rows(title: str, names: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    """Print the result of a query as a table."""
    numeric = {
        name
        for place, name in enumerate(names)
        if all(isinstance(row[place], int | float | Decimal | None) for row in values)
    }
    table = _table(title, names, numeric)
    for row in values:
        table.add_row(*("" if value is None else f"{value}" for value in row))
    out.print(table)


def _table(title: str, names: Sequence[str], numeric: Collection[str] = COUNTS) -> Table:
    out.print()
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for name in names:
        table.add_column(name, justify="right" if name in numeric else "left", header_style="dim")
    return table


def _line(text: str) -> None:
    """Print a line; only a terminal wraps it."""
    out.print(text, soft_wrap=not out.is_terminal)


def moment(instant: datetime | None) -> str:
    """An instant (any zone) in UTC, to the minute."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if instant else "never"


def duration(seconds: int | None) -> str:
    """A duration in the largest unit that fits."""
    if seconds is None:
        return "-"
    length = pendulum.duration(seconds=seconds)
    units = {"d": length.in_days(), "h": length.in_hours(), "min": length.in_minutes()}
    unit, count = next((each for each in units.items() if each[1]), ("s", seconds))
    return f"{count} {unit}"


def error(message: str) -> None:
    """Print the message of an error."""
    err.print(f"[red]Error:[/] {escape(message)}", soft_wrap=not err.is_terminal)
