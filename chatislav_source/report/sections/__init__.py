"""The sections of the page: what each says in words, in a chart and in a table. Pure."""

from __future__ import annotations

from chatislav_source.report.facts import Facts
from chatislav_source.report.sections import groups, over_time
from chatislav_source.report.sections.parts import Section

NOT_LOADED = "The conversations or their messages are not loaded, so there is nothing to show."


def sections(facts: Facts) -> list[Section]:
    """All sections, in the order of the page; none without a day."""
    span, daily = facts.span, facts.daily
    if span is None:
        return []
    if daily is None or facts.steps is None:
        missing = Section("volume", "Volume", NOT_LOADED, ("conversations",))
        return [missing, over_time.credits_used(facts, span)]
    return [
        groups.volume(facts, daily, facts.steps, span.days),
        groups.channels(facts, daily, span),
        over_time.resolution(facts, span),
        over_time.first_response(facts, span),
        groups.busiest_hours(facts),
        over_time.csat(facts, span),
        over_time.sentiment(facts, span),
        groups.words(facts),
        over_time.credits_used(facts, span),
    ]
