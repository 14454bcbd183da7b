"""How the results of `check` are printed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from chatislav_source.cli.access.bots import CheckResult
from chatislav_source.cli.access.questions import Finding
from chatislav_source.cli.console import line


def check_results(results: Sequence[CheckResult]) -> None:
    """Print one line per check."""
    for result in results:
        mark = "[red]✗[/]" if result.problem else "[green]✓[/]"
        line(f"{mark} {result.subject}: {escape(result.problem or 'ok')}")


def findings_of(bot_id: int, found: Sequence[Finding]) -> None:
    """Print one line per open question of the API."""
    if found:
        line(f"\nWhat the API does not document, as bot {bot_id} shows it:")
    for finding in found:
        mark, answer = ("[green]✓[/]", finding.answer) if finding.answer else ("?", "not settled")
        line(f"{mark} {finding.question}: {escape(answer)} [dim]({escape(finding.evidence)})[/]")
