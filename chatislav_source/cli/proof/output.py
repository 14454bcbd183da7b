"""Shows the result of a verification as text."""

from __future__ import annotations

from rich.markup import escape

from chatislav_source.cli import console
from chatislav_source.proof.definitions import TOTAL
from chatislav_source.proof.reconciliation import Comparison
from chatislav_source.proof.result import BotVerification, Verification

MAX_DIFFERENCES = 20  # lines of one bot; the table `reconciliation` has all


def show(title: str, result: Verification) -> None:
    """Print one row per bot, what differs, and the sentence on yesterday."""
    kinds = ("equal", "settling", "differs", "unproven")
    names = ("bot", "days", *kinds, "definition", "healed")
    rows = [
        (bot.bot_id, len(bot.days), *map(bot.number_of, kinds), _definition(bot), bot.healed_days)
        for bot in result.bots
    ]
    console.rows(title, names, rows)
    for bot in result.bots:
        _show_problems(bot)
    mark = "[green]✓[/]" if result.is_yesterday_true else "[yellow]![/]"
    _line(f"{mark} {escape(result.sentence)}")


def _definition(bot: BotVerification) -> str:
    verdict = bot.verdicts[TOTAL]
    if not verdict.is_proven:
        return f"unproven ({verdict.days} days)"
    return f"{verdict.chosen.words} ({verdict.days_equal} of {verdict.days})"


def _show_problems(bot: BotVerification) -> None:
    if bot.unproven:
        names = ", ".join(bot.unproven)
        _line(f"[yellow]bot {bot.bot_id}: it is not proven how the API counts[/] {names}")
    for row in bot.differences[:MAX_DIFFERENCES]:
        _line(f"[red]✗ bot {bot.bot_id}, {row.date}, {row.channel}:[/] {_difference(row)}")
    left = len(bot.differences) - MAX_DIFFERENCES
    if left > 0:
        _line(f"[red]✗ bot {bot.bot_id}:[/] {left} more in the table reconciliation")
    for warning in bot.warnings:
        _line(f"[yellow]{escape(warning)}[/]")


def _difference(row: Comparison) -> str:
    if row.session_id is not None:
        gone = "seems to be deleted" if row.is_deletion else "was absent once"
        return f"conversation {escape(row.session_id)} {gone} in the API"
    tables, api = f"{row.counted_value:g}", f"{row.api_value:g}"
    unexplained = ", unexplained" if row.is_unexplained else ""
    return f"{row.metric} is {tables}, the API says {api} ({row.status}{unexplained})"


def _line(text: str) -> None:
    console.out.print(text, soft_wrap=not console.out.is_terminal)
