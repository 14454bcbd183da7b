"""The line that says until when the tables are complete and true, from `reconciliation`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from chatislav_source.proof.result import kind_of, worst
from chatislav_source.report.facts import Facts
from chatislav_source.report.formats import day_and_year, plural
from chatislav_source.report.spans import DAY, Span

NEVER = (
    "Not verified: nobody has compared these tables with the API's own totals yet, so this report "
    "cannot say whether they are complete. `chatislav verify` compares them."
)
NOTHING_LOADED = "Nothing is loaded yet, so there is nothing to prove."

KINDS_IN_WORDS = {
    "unexplained": ("differs from the API, unexplained", "differ from the API, unexplained"),
    "differs": ("differs from the API", "differ from the API"),
    "unproven": ("is unproven", "are unproven, as it is not known how the API counts"),
    "settling": ("is still settling", "are still settling"),
}
MOST_NAMED = 3  # days that are named one by one

Days = dict[date, str]


@dataclass(frozen=True)
class ProofLine:
    """The sentences, and whether they say that all is well up to the newest settled day."""

    text: str
    is_good: bool


def proof_line(facts: Facts) -> ProofLine:
    """What the newest verification says of the report's days.

    A day is complete and true if every total of the API that can be compared is equal to what the
    tables hold, by a proven way of counting, for every bot. The line ends at the first day that is
    not.
    """
    if facts.span is None:
        return ProofLine(NOTHING_LOADED, is_good=False)
    if not facts.verified:
        return ProofLine(NEVER, is_good=False)
    by_bot = _days_by_bot(facts.verified)
    days = _days_of_all(by_bot)
    first, until = min(days), _until(days)
    left = {day: kind for day, kind in days.items() if until is None or day > until}
    never = [f"bot {bot.bot_id}" for bot in facts.bots if bot.bot_id not in by_bot]
    sentences = [
        _complete(facts.span, first, until, len(by_bot)) if until else "Not proven complete.",
        *_rest(left, until),
        *(
            [f"Days after {day_and_year(max(days))} are not verified."]
            * (max(days) < facts.span.last)
        ),
        *([f"Never verified: {', '.join(never)}."] if never else []),
        _checked(facts.verified),
    ]
    is_good = until is not None and not never and set(left.values()) <= {"equal", "settling"}
    return ProofLine(" ".join(sentences), is_good)


def _days_by_bot(rows: Sequence[tuple[Any, ...]]) -> dict[int, Days]:
    """By bot, the kind of each of its verified days."""
    found: dict[int, dict[date, set[str]]] = {}
    for bot_id, day, status, attempts, _ in rows:
        kind = kind_of(status, int(attempts or 0))
        found.setdefault(int(bot_id), {}).setdefault(day, set()).add(kind)
    return {
        bot_id: {day: worst(kinds) for day, kinds in sorted(days.items())}
        for bot_id, days in sorted(found.items())
    }


def _days_of_all(by_bot: dict[int, Days]) -> Days:
    """The kind of each day for all bots together."""
    kinds: dict[date, set[str]] = {}
    for days in by_bot.values():
        for day, kind in days.items():
            kinds.setdefault(day, set()).add(kind)
    return {day: worst(found) for day, found in sorted(kinds.items())}


def _until(days: Days) -> date | None:
    """The last day of those that are equal without a gap from the first one; None if it is not."""
    first = min(days)
    until = first
    while days.get(until) == "equal":
        until += DAY
    return until - DAY if until > first else None


def _complete(span: Span, first: date, until: date, bots: int) -> str:
    beginning = "" if first <= span.first else f" from {day_and_year(first)}"
    whose = "" if bots == 1 else f" for {bots} bots"
    return (
        f"Complete and true{beginning} until {day_and_year(until)}{whose}: "
        "the tables hold what the API itself counts."
    )


def _rest(days: Days, until: date | None) -> list[str]:
    """A sentence on the days that are not proven; none if there are none."""
    parts = []
    for kind, words in KINDS_IN_WORDS.items():
        found = [day for day, each in days.items() if each == kind]
        named = f" ({', '.join(map(day_and_year, found))})" if len(found) <= MOST_NAMED else ""
        if found:
            parts.append(f"{plural(len(found), 'day')} {words[len(found) > 1]}{named}")
    if parts and "equal" in days.values():
        parts.append("all others are equal")
    if not parts:
        return []
    return [f"{'After that, ' if until else 'Of these days, '}{', '.join(parts)}."]


def _checked(rows: Sequence[tuple[Any, ...]]) -> str:
    moments: list[datetime] = [row[4] for row in rows if row[4]]
    if not moments:
        return ""
    newest = max(m.replace(tzinfo=UTC) if m.tzinfo is None else m.astimezone(UTC) for m in moments)
    return f"Last change found {newest.day} {newest:%b %Y, %H:%M} UTC."
