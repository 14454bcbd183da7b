"""What a person sees: progress, summaries and errors; no logic of its own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chatislav_source.cli.check import CheckResult
from chatislav_source.cli.status import BotStatus
from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.runner.report import ResourceReport, SyncReport
from chatislav_source.streams.date_window import utc_instant

logger = logging.getLogger(__name__)

WIDTH_ELSEWHERE = 100  # columns, where the output is no terminal
COUNTS = ("conversations", "messages", "analytics days", "unchanged", "requests")
PIECES_PER_LINE = 100  # of a plain log

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_ELSEWHERE)
err = Console(highlight=False, stderr=True, width=None if sys.stderr.isatty() else WIDTH_ELSEWHERE)


def log_to_stderr(debug: bool) -> None:
    """Send our log to stderr: warnings on a terminal, where progress is shown, else each step."""
    handler: logging.Handler
    if err.is_terminal:
        handler = RichHandler(console=err, show_path=False, show_time=False)
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("chatislav_source")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.DEBUG if debug else logging.WARNING if err.is_terminal else logging.INFO)


@contextmanager
def progress() -> Iterator[Callable[[str, ExtractedPage[Any, Any]], None]]:
    """Show what is loaded so far: live on a terminal, now and then as a log line elsewhere."""
    counts = {"conversations": 0, "analytics": 0, "pieces": 0}

    def text() -> str:
        return f"{counts['conversations']:,} conversations and {counts['analytics']:,} days read"

    def count(resource: str, page: ExtractedPage[Any, Any]) -> None:
        counts["pieces"] += 1
        if page.item is not None:
            is_page = resource == "conversations"
            counts[resource] += len(page.item.keys) if is_page else 1

    if not err.is_terminal:

        def log(resource: str, page: ExtractedPage[Any, Any]) -> None:
            count(resource, page)
            if counts["pieces"] % PIECES_PER_LINE == 0:
                logger.info("%s", text())

        yield log
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as shown:
        task = shown.add_task("Connecting", total=None)

        def show(resource: str, page: ExtractedPage[Any, Any]) -> None:
            count(resource, page)
            shown.update(task, description=text())

        yield show


def summary(title: str, report: SyncReport) -> None:
    """One row per bot, what went wrong, and a last line that says how it ended."""
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
    count = {name: report.total(name) for name in ("rows", "messages", "requests", "retries")}
    retries = f", {count['retries']:,} of them repeated" if count["retries"] else ""
    what = (
        f"{count['rows']:,} rows and {count['messages']:,} messages written in "
        f"{report.seconds:.1f} s, with {count['requests']:,} requests{retries}."
    )
    if report.complete:
        return f"[green]✓ Everything is loaded:[/] {what}"
    return f"[red]✗ Not everything could be loaded:[/] {what} Run again to go on from here."


def status_table(title: str, statuses: Sequence[BotStatus]) -> None:
    """One row per bot."""
    names = ["bot", "loaded up to", "behind", "conversations", "messages", "analytics days"]
    table = _table(title, [*names, "dates filter on", "state"])
    for bot in statuses:
        table.add_row(
            str(bot.bot_id),
            moment(bot.loaded_up_to),
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


def findings(found: Sequence[CheckResult]) -> None:
    """One line per thing that was checked."""
    for finding in found:
        mark = "[red]✗[/]" if finding.problem else "[green]✓[/]"
        _line(f"{mark} {finding.subject}: {escape(finding.problem or 'ok')}")


def rows(title: str, names: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    """The result of a query."""
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
    """A line that is only broken where a terminal ends."""
    out.print(text, soft_wrap=not out.is_terminal)


def moment(text: str | None) -> str:
    """An instant of a state, for people; in UTC."""
    return f"{utc_instant(text):%Y-%m-%d %H:%M} UTC" if text else "never"


def duration(seconds: int | None) -> str:
    """Seconds as the largest unit that fits."""
    if seconds is None:
        return "-"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def error(problem: BaseException) -> None:
    """An error's own words, which say what happened and what to do."""
    err.print(f"[red]Error:[/] {escape(str(problem))}", soft_wrap=not err.is_terminal)


def unexpected(problem: BaseException) -> None:
    """An error that is a defect: its kind only, as its text may hold rows."""
    err.print(
        f"[red]Error:[/] {type(problem).__name__}, which was not expected. Nothing is lost: run "
        "again to go on from the last load. --debug shows where it came from; please report it.",
        soft_wrap=not err.is_terminal,
    )


def at(now: datetime) -> str:
    """An instant for a title."""
    return f"{now:%Y-%m-%d %H:%M} UTC"
