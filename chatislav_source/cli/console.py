"""Text output of the command line: progress, summaries, tables and errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

import pendulum
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from chatislav_source.cli.status import BotStatus
from chatislav_source.cli.terminal.progress import LiveLine, LogLines, SyncProgress
from chatislav_source.runner.report import ResourceReport, SyncReport
from chatislav_source.streams.date_window import utc_instant

WIDEST = 10_000  # characters; no table of ours is wider
DEFAULT_WIDTH = 100  # characters, if the output is not a terminal
COUNTS = ("conversations", "messages", "analytics days", "unchanged", "requests")
SUMS = "A sum over all rows of analytics counts each day more than once: filter on timezone."
REJECTED_RECORDS = (
    "bot {bot.bot_id}: records that could not be loaded: {bot.rejected}; see the table rejected."
)
OTHER_PRIVACY = (
    "bot {bot.bot_id}: {bot.other_privacy} rows were written under other privacy settings. "
    "`chatislav backfill` over their days writes them anew."
)
KEPT_FROM = "bot {bot.bot_id}: conversations last active before {bot.kept_from} are not kept."
UNEXPECTED = (  # without the error's message, which may contain rows
    "an unexpected {kind}. Nothing is lost: run again to continue from the last load. --debug "
    "shows the traceback; please report it."
)


def _console(stream: TextIO, **options: Any) -> Console:
    is_known = stream.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if is_known else DEFAULT_WIDTH, **options)


out = _console(sys.stdout)
err = _console(sys.stderr, stderr=True)


@dataclass(frozen=True)
class Verbosity:
    """What the command prints beside its result; by default warnings and the progress."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False

    @property
    def level(self) -> int:
        """The least severe records of the log; on a terminal the progress is not logged."""
        if self.debug:
            return logging.DEBUG
        if self.quiet:
            return logging.ERROR
        return logging.WARNING if err.is_terminal and not self.verbose else logging.INFO


def log_to_stderr(verbosity: Verbosity) -> None:
    """Send the package's log to stderr; that of dlt, which repeats errors, only if asked for."""
    handler: logging.Handler
    if err.is_terminal:
        handler = RichHandler(console=err, show_path=False, show_time=False)
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("chatislav_source")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(verbosity.level)
    is_asked_for = verbosity.debug or "RUNTIME__LOG_LEVEL" in os.environ
    of_dlt = logging.getLogger("dlt")
    of_dlt.removeFilter(_nothing)
    if not is_asked_for:
        of_dlt.addFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    """A filter that drops every record."""
    return False


@contextmanager
def progress(bots: int, verbosity: Verbosity) -> Iterator[SyncProgress]:
    """Show what is read, of this many bots: live on a terminal, else in the log."""
    if verbosity.quiet:
        yield SyncProgress(bots, lambda _: None)
        return
    is_each_shown = verbosity.verbose or verbosity.debug
    lines = LogLines(0.0) if is_each_shown else LogLines()
    with LiveLine(err) if err.is_terminal and not is_each_shown else lines as shown:
        yield SyncProgress(bots, shown)


def summary(title: str, report: SyncReport) -> None:
    """Print one row per bot, warnings and errors, and a last line with the result."""
    table = _table(
        title,
        ["bot", "conversations", "messages", "analytics days", "unchanged", "requests", "range"],
    )
    parts = {(part.bot_id, part.resource): part for part in report.resources}
    for bot_id in dict.fromkeys(part.bot_id for part in report.resources):
        both = [  # one of them is empty if it was not asked for
            parts.get((bot_id, name), ResourceReport(bot_id, name))
            for name in ("conversations", "analytics")
        ]
        table.add_row(str(bot_id), *_cells(*both))
    _print_table(table)
    for warning in report.warnings:
        line(f"[yellow]{escape(warning)}[/]")
    notes(report.notes)
    for part in report.resources:
        if part.error:
            line(_error_line(part))
    line(_last_line(report))
    if report.verification:
        line(_line_on_yesterday(report.verification, report.differing_days))


def errors(report: SyncReport) -> None:
    """Print only what could not be loaded, to stderr."""
    for part in report.resources:
        if part.error:
            err.print(_error_line(part), soft_wrap=not err.is_terminal)


def _error_line(part: ResourceReport) -> str:
    return f"[red]✗ bot {part.bot_id}, {part.resource}:[/] {escape(part.error or '')}"


def _cells(conversations: ResourceReport, analytics: ResourceReport) -> list[str]:
    numbers = (
        conversations.rows,
        conversations.messages,
        analytics.rows,
        conversations.unchanged + analytics.unchanged,
        conversations.requests + analytics.requests,
    )
    first_day, last_day = conversations.first_day, conversations.last_day or "now"
    days = f"{first_day} → {last_day}" if first_day else f"until {analytics.last_day}"
    return [f"{number:,}" for number in numbers] + [days]


def _last_line(report: SyncReport) -> str:
    totals = {name: report.total(name) for name in ("rows", "messages", "requests", "retries")}
    rows = totals["rows"] + report.total("periods")
    retries = f", {totals['retries']:,} of them repeated" if totals["retries"] else ""
    counts = (
        f"{rows:,} rows and {totals['messages']:,} messages written in "
        f"{report.seconds:.1f} s, with {totals['requests']:,} requests{retries}."
    )
    if report.complete:
        what = "Everything else" if report.total("rejected") else "Everything"
        return f"[green]✓ {what} is loaded:[/] {counts}"
    return f"[red]✗ Some data could not be loaded:[/] {counts} Run again to continue from here."


def _line_on_yesterday(verification: dict[str, Any], differing_days: int) -> str:
    yesterday = verification["yesterday"]
    mark = "[green]✓[/]" if yesterday["is_true"] and not differing_days else "[yellow]![/]"
    differs = f" {differing_days} days differ: see `chatislav verify`." if differing_days else ""
    return f"{mark} {escape(yesterday['text'])}{differs}"


def status_table(title: str, statuses: Sequence[BotStatus]) -> None:
    """Print one row per bot."""
    has_several = len({bot.pipeline for bot in statuses}) > 1
    names = ["bot", "loaded up to", "behind", "conversations", "messages", "analytics days"]
    names += ["dates filter on", "state", *["pipeline"] * has_several]
    table = _table(title, names)
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
            *[bot.pipeline] * has_several,
        )
    _print_table(table)
    for bot in statuses:
        if bot.rejected:
            line(f"[yellow]{escape(REJECTED_RECORDS.format(bot=bot))}[/]")
        if bot.other_privacy:
            line(f"[yellow]{escape(OTHER_PRIVACY.format(bot=bot))}[/]")
        if bot.kept_from:
            line(escape(KEPT_FROM.format(bot=bot)))
        if bot.error:
            line(f"[red]✗ bot {bot.bot_id}:[/] {escape(bot.error)}")
        if bot.verified:
            line(_verified(bot))
        if len(bot.timezones) > 1:
            zones = escape(" and ".join(bot.timezones))
            line(f"[yellow]bot {bot.bot_id}: {len(bot.timezones)} time zones, {zones}.[/] {SUMS}")


def _verified(bot: BotStatus) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in bot.verified.items())
    differs = {"differs", "unexplained"} & bot.verified.keys()
    color = "red" if differs else "yellow" if "unproven" in bot.verified else "green"
    return f"[{color}]bot {bot.bot_id}, days by the last `chatislav verify`:[/] {counts}"


def notes(texts: Sequence[str]) -> None:
    """Print what defaults and settings decided."""
    for text in texts:
        line(escape(text))


def done(text: str) -> None:
    """Print the result of a command."""
    line(f"[green]✓[/] {escape(text)}")


def beyond_reach(texts: Sequence[str]) -> None:
    """Print what an erasure could not reach."""
    line("Beyond the reach of this command:")
    for text in texts:
        line(escape(f"• {text}"))


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
    _print_table(table)


def _table(title: str, names: Sequence[str], numeric: Collection[str] = COUNTS) -> Table:
    out.print()
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for name in names:
        table.add_column(name, justify="right" if name in numeric else "left", header_style="dim")
    return table


def _print_table(table: Table) -> None:
    """Print a table; where it is too wide, each row as lines of name and value."""
    needed = Measurement.get(out, out.options.update(width=WIDEST), table).maximum
    if needed <= out.width or not table.row_count:
        out.print(table)
        return
    out.print(f"[bold]{escape(str(table.title))}[/]")
    rows = zip(*(column.cells for column in table.columns), strict=True)
    width = max(len(str(column.header)) for column in table.columns)
    for number, row in enumerate(rows):
        if number:
            out.print()
        for column, value in zip(table.columns, row, strict=True):
            out.print(f"[dim]{column.header!s:{width}}[/]  {escape(str(value))}", soft_wrap=True)


def line(text: str) -> None:
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
    return next((f"{count} {unit}" for unit, count in units.items() if count), f"{seconds} s")


def error(message: str) -> None:
    """Print the message of an error."""
    err.print(f"[red]Error:[/] {escape(message)}", soft_wrap=not err.is_terminal)
