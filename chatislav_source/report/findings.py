"""What to look at: sentences on what is more than chance. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chatislav_source.report.comparisons import (
    BEYOND_CHANCE,
    Compared,
    compared,
    z_of_rates,
)
from chatislav_source.report.definitions import value
from chatislav_source.report.facts import Facts
from chatislav_source.report.folding import OTHERS, shown_channels
from chatislav_source.report.formats import day_and_year, percent
from chatislav_source.report.spans import WEEK

MOST_FINDINGS = 6


@dataclass(frozen=True)
class Finding:
    """A sentence, and the section of the page that shows more."""

    text: str
    anchor: str


def findings(facts: Facts) -> list[Finding]:
    """At most `MOST_FINDINGS`, the most urgent kinds first."""
    if facts.span is None:
        return []
    found = [*_silent_bots(facts), *_changes(facts), *_channels(facts), *_words(facts)]
    return found[:MOST_FINDINGS]


def _silent_bots(facts: Facts) -> Iterator[Finding]:
    for bot in facts.bots:
        if facts.span and bot.last_day < facts.span.last - WEEK:
            text = f"Bot {bot.bot_id} has had no new conversation since"
            yield Finding(f"{text} {day_and_year(bot.last_day)}.", "volume")


def _changes(facts: Facts) -> Iterator[Finding]:
    for each in compared(facts):
        if each.is_beyond_chance:
            yield Finding(_sentence(each), "week")


def _sentence(each: Compared) -> str:
    went = "rose" if (each.now.number or 0) > (each.before.number or 0) else "fell"
    text = f"{each.label} {went} from {each.before.text} to {each.now.text} in the last 7 days"
    return f"{text}, more than chance explains."


def _channels(facts: Facts) -> Iterator[Finding]:
    """The channel whose resolution is furthest below that of all others together."""
    if facts.daily is None or facts.span is None:
        return
    asked = value("resolution_rate_decided")
    both = (asked.numerator, asked.denominator)
    shown = [name for name in shown_channels(facts) if name != OTHERS]
    parts = {c: [facts.daily.total(each, facts.span, [c]) for each in both] for c in shown}
    all_part, all_whole = (facts.daily.total(each, facts.span) for each in both)
    worst = min(
        ((z_of_rates(p, w, all_part - p, all_whole - w), c) for c, (p, w) in parts.items()),
        default=(0.0, ""),
    )
    if worst[0] <= -BEYOND_CHANCE:
        part, whole = parts[worst[1]]
        rest = (all_part - part) / (all_whole - whole)
        text = f"{worst[1]} resolves {percent(part / whole)} of decided conversations"
        yield Finding(f"{text}, all other channels {percent(rest)}.", "channels")


def _words(facts: Facts) -> Iterator[Finding]:
    found = facts.words
    if found is None or not found.words:
        return
    word = found.words[0]
    z = z_of_rates(word.now, found.total_now, word.before, found.total_before)
    if z >= BEYOND_CHANCE:
        text = f"“{word.word}” is written more: in {percent(word.now / found.total_now)}"
        before = percent(word.before / found.total_before)
        yield Finding(f"{text} of conversations, {before} before.", "words")
