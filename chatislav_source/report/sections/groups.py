"""The sections that divide conversations: by day, channel, hour and word. Pure."""

from __future__ import annotations

from chatislav_source.report import formats
from chatislav_source.report.comparisons import group_of
from chatislav_source.report.definitions import value
from chatislav_source.report.facts import Facts, Steps, Sums
from chatislav_source.report.folding import OTHERS, groups_of, shown_channels
from chatislav_source.report.queries import LEAST_PEOPLE
from chatislav_source.report.sections.parts import Plot, Row, Section, Table
from chatislav_source.report.spans import Span

CONVERSATIONS = "sum(conversations)"
MOST_CHANNELS = 4  # drawn each in its colour; the others are one
MOST_WORDS_SHOWN = 8


def volume(facts: Facts, daily: Sums, steps: Steps, days: int) -> Section:
    """Conversations by channel and day; by week if days have too few people for that."""
    drawn = [name for name in shown_channels(facts) if name != OTHERS][:MOST_CHANNELS]
    parts = {step: _parts(daily, steps, step, drawn) for step in steps.spans}
    used = {name for of_step in parts.values() for name in of_step}
    series = tuple(name for name in (*drawn, OTHERS) if name in used)
    rows: list[Row] = [
        {"day": f"{step.first}T00:00", "channel": name, "conversations": number}
        for step, of_step in parts.items()
        for name, number in of_step.items()
    ]
    table = [
        (
            _step_name(step),
            formats.count(sum(of_step.values())) if of_step else formats.UNDER,
            *(formats.count(of_step[name]) if name in of_step else "" for name in series),
        )
        for step, of_step in reversed(parts.items())
    ]
    whole = sum(daily.total(CONVERSATIONS, step) for step in steps.spans)
    lead = f"{formats.count(whole)} conversations, {whole / days:,.1f} a day."
    values = ("conversations", "channel_conversations")
    note = f"Of each bar, channels of fewer than {LEAST_PEOPLE} people are in “{OTHERS}”."
    if steps.unit == "Week":
        note += " The first and the last week may be a part of one."
    heads = (steps.unit, "All channels", *series)
    plot = Plot("volume", rows, series, steps.unit) if rows else None
    return Section("volume", "Volume", lead, values, Table(heads, table), plot, (note,))


def _parts(daily: Sums, steps: Steps, step: Span, drawn: list[str]) -> dict[str, float]:
    """The conversations of each part of a bar."""
    groups = _drawn_groups(steps, step, drawn)
    return {name: daily.total(CONVERSATIONS, step, of) for name, of in groups.items()}


def _drawn_groups(steps: Steps, step: Span, drawn: list[str]) -> dict[str, list[str]]:
    """What a bar is made of: the drawn channels with enough people, and all others together.

    Nothing, if all channels together have too few.
    """
    people = steps.channels.get(step, {})
    if steps.people.get(step, 0) < LEAST_PEOPLE:
        return {}
    groups = groups_of(people) or {OTHERS: list(people)}
    kept = {name: of for name, of in groups.items() if name in drawn}
    left = [channel for name, of in groups.items() if name not in drawn for channel in of]
    return kept | ({OTHERS: left} if left else {})


def channels(facts: Facts, daily: Sums, span: Span) -> Section:
    """Every channel with its conversations and rates."""
    groups = shown_channels(facts)
    names = ("resolution_rate_decided", "takeover_rate", "csat")
    totals = {name: daily.total(CONVERSATIONS, span, of) for name, of in groups.items()}
    whole = sum(totals.values()) or 1
    table = [
        (
            name,
            formats.count(totals[name]),
            formats.percent(totals[name] / whole),
            *(formats.percent(_of_enough(facts, daily, each, of)) for each in names),
        )
        for name, of in groups.items()
    ]
    first = next(iter(groups), None)
    lead = (
        f"{first}: {formats.percent(totals[first] / whole)} of all conversations."
        if first
        else f"Fewer than {LEAST_PEOPLE} people in all channels."
    )
    heads = ("Channel", "Conversations", "Share", "Resolved, of decided", "Taken over", "CSAT")
    rows = [{"channel": name, "share": totals[name] / whole} for name in groups]
    plot = Plot("channels", rows) if rows else None
    values = ("channel_conversations", *names)
    return Section("channels", "Channels", lead, values, Table(heads, table), plot)


def busiest_hours(facts: Facts) -> Section:
    """Conversations by weekday and hour; cells of few people all look alike."""
    together = facts.hours_together
    blocks = range(0, 24, together)
    labels = [formats.block(block, together) for block in blocks]
    rows: list[Row] = []
    table = []
    for weekday, name in enumerate(formats.WEEKDAYS, start=1):
        cells = [facts.hours.get((weekday, block), (0, 0)) for block in blocks]
        shown = [number if people >= LEAST_PEOPLE else 0 for number, people in cells]
        texts = [formats.count(number) if number else formats.UNDER for number in shown]
        rows += [
            {"weekday": name, "hour": label, "conversations": number, "text": text}
            for label, number, text in zip(labels, shown, texts, strict=True)
        ]
        table.append((name, *texts))
    busiest = max(rows, key=lambda row: float(row["conversations"]))
    lead = f"Busiest: {busiest['weekday']} {busiest['hour']}, {busiest['text']} conversations."
    note = f"Hours in {facts.timezone}. The faintest colour is fewer than {LEAST_PEOPLE} people."
    return Section(
        "hours",
        "Busiest hours",
        lead,
        ("hour_conversations",),
        Table(("Day", *labels), table),
        Plot("hours", rows),
        (note,),
    )


def words(facts: Facts) -> Section:
    """Words whose share of conversations grew most."""
    values = ("word_conversations",)
    found = facts.words
    if found is None or not found.total_before or not found.total_now:
        return Section("words", "Words that grow", "This needs two whole weeks.", values)
    now, before = formats.range_of(found.now), formats.range_of(found.before)
    shown = found.words[:MOST_WORDS_SHOWN]
    table = []
    rows: list[Row] = []
    for word in shown:
        share, earlier = word.now / found.total_now, word.before / found.total_before
        is_told = word.before == 0 or word.before >= LEAST_PEOPLE
        text = formats.percent(earlier) if is_told else formats.UNDER
        table.append((word.word, formats.count(word.now), formats.percent(share), text))
        rows.append({"word": word.word, "now": share, "before": earlier if is_told else None})
    note = (
        f"Share of conversations with the word, {now} against {before}. A word is shown if "
        f"{LEAST_PEOPLE} people wrote it to one bot in one of the newer weeks."
    )
    heads = ("Word", "Conversations", "Now", "Before")
    lead = f"“{rows[0]['word']}” grew most." if rows else "No word grew."
    plot = Plot("words", rows, ("Now", "Before")) if rows else None
    return Section("words", "Words that grow", lead, values, Table(heads, table), plot, (note,))


def _step_name(step: Span) -> str:
    """A day with its weekday, or the ends of a week."""
    if step.days > 1:
        return formats.range_of(step)
    return f"{formats.WEEKDAYS[step.first.weekday()]} {formats.day(step.first)}"


def _of_enough(facts: Facts, daily: Sums, name: str, channels: list[str]) -> float | None:
    """A rate of some channels; None if one of them alone has not the people."""
    group = group_of(value(name).denominator)
    people = max(facts.channels[channel][group] for channel in channels)
    if people < LEAST_PEOPLE or facts.span is None:
        return None
    return daily.of(name, facts.span, channels)
