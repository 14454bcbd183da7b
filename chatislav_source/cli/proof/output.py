"""Shows the result of a verification as text."""

from __future__ import annotations

from rich.markup import escape

from chatislav_source.cli import console
from chatislav_source.proof.definitions import TOTAL
from chatislav_source.proof.reconciliation import Comparison
from chatislav_source.proof.result import BotVerification, Verification
from chatislav_source.proof.verdict import MIN_CONVERSATIONS, MIN_DAYS

MAX_DIFFERENCES = 20  # lines of one bot; the table `reconciliation` has all


def show(title: str, result: Verification) -> None:
    """Print one row per bot, what differs, the sentence on yesterday, and what to do."""
    kinds = ("equal", "settling", "differs", "unproven")
    names = ("bot", "days", *kinds, "definition", "healed so far")
    rows = [
        (bot.bot_id, len(bot.days), *map(bot.number_of, kinds), _definition(bot), bot.healed_days)
        for bot in result.bots
    ]
    console.rows(title, names, rows)
    for bot in result.bots:
        _show_problems(bot)
    mark = "[green]✓[/]" if result.is_yesterday_true else "[yellow]![/]"
    _line(f"{mark} {escape(result.sentence)}")
    differing = sum(bot.number_of("differs") for bot in result.bots)
    if differing:
        days = "1 day differs" if differing == 1 else f"{differing} days differ"
        _line(f"[red]✗ {days} from the API's totals.[/] With --heal, they are read again.")


def _definition(bot: BotVerification) -> str:
    verdict = bot.verdicts[TOTAL]
    if not verdict.is_proven:
        return f"unproven ({verdict.days} days)"
    return f"{verdict.chosen.words} ({verdict.days_equal} of {verdict.days})"


def _show_problems(bot: BotVerification) -> None:
    if bot.unproven:
        _line(f"[yellow]bot {bot.bot_id}: it is not proven how the API counts[/] {_unproven(bot)}")
    for row in bot.differences[:MAX_DIFFERENCES]:
        _line(f"[red]✗ bot {bot.bot_id}, {row.date}, {row.channel}:[/] {_difference(row)}")
    left = len(bot.differences) - MAX_DIFFERENCES
    if left > 0:
        _line(f"[red]✗ bot {bot.bot_id}:[/] {left} more in the table reconciliation")
    for warning in bot.warnings:
        _line(f"[yellow]{escape(warning)}[/]")


def _unproven(bot: BotVerification) -> str:
    """The metrics that are not proven, and what is missing if there are too few days."""
    is_all = len(bot.unproven) == len(bot.verdicts)
    names = "any metric" if is_all else ", ".join(bot.unproven)
    days = bot.verdicts[TOTAL].days
    if days >= MIN_DAYS:
        return names
    return (
        f"{names}: {days} final days have {MIN_CONVERSATIONS} conversations or more, "
        f"{MIN_DAYS} are needed"
    )


def _difference(row: Comparison) -> str:
    if row.session_id is not None:
        gone = "seems to be deleted" if row.is_deletion else "was absent once"
        return f"conversation {escape(row.session_id)} {gone} in the API"
    tables, api = f"{row.counted_value:g}", f"{row.api_value:g}"
    unexplained = ", unexplained" if row.is_unexplained else ""
    return f"{row.metric} is {tables}, the API says {api} ({row.status}{unexplained})"


def _line(text: str) -> None:
    console.out.print(text, soft_wrap=not console.out.is_terminal)
