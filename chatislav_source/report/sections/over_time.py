"""The sections that follow rates, seconds and credits over the weeks. Pure."""

from __future__ import annotations

from chatislav_source.report import formats
from chatislav_source.report.comparisons import rate
from chatislav_source.report.facts import Facts, Percentiles
from chatislav_source.report.formats import FEW
from chatislav_source.report.queries import LEAST_PEOPLE
from chatislav_source.report.sections.parts import Plot, Row, Section, Table
from chatislav_source.report.spans import Span, monday_of


def resolution(facts: Facts, span: Span) -> Section:
    """Three rates of resolution and takeover, by week."""
    names = {
        "resolution_rate_decided": "Resolved, of decided",
        "resolution_rate_all": "Resolved, of all",
        "containment_rate": "Contained",
        "takeover_rate": "Taken over",
    }
    decided, taken = (rate(facts, n, span) for n in ("resolution_rate_decided", "takeover_rate"))
    lead = (
        f"{formats.percent(decided)} of decided are resolved, {formats.percent(taken)} taken over."
    )
    return _weekly("resolution", "Resolution and takeover", lead, names, facts, span)


def csat(facts: Facts, span: Span) -> Section:
    """CSAT and how many rate, by week."""
    names = {"csat": "CSAT", "rating_coverage": "Rating coverage"}
    helpful, coverage = (rate(facts, name, span) for name in names)
    lead = f"{formats.percent(helpful)} of ratings are helpful; {formats.percent(coverage)} rate."
    return _weekly("csat", "CSAT", lead, names, facts, span)


def sentiment(facts: Facts, span: Span) -> Section:
    """Sentiment shares, by week."""
    names = {
        "positive_share": "Positive",
        "neutral_share": "Neutral",
        "negative_share": "Negative",
    }
    lead = f"{formats.percent(rate(facts, 'negative_share', span))} are negative, "
    lead += f"{formats.percent(rate(facts, 'positive_share', span))} positive."
    return _weekly("sentiment", "Sentiment", lead, names, facts, span, kind="stack")


def first_response(facts: Facts, span: Span) -> Section:
    """Percentiles of the first response, by week."""
    weeks = span.weeks
    found: dict[Span, Percentiles] = {
        week: numbers
        for week in weeks
        if (numbers := facts.response.get(week)) and numbers.people >= LEAST_PEOPLE
    }
    series = ("Half within (p50)", "Nine of ten within (p90)")
    rows = [
        {"week": _monday(week), "series": name, "value": value, "text": formats.seconds(value)}
        for week in weeks
        for name, value in zip(series, _seconds_of(found.get(week)), strict=True)
    ]
    table = [
        (formats.range_of(week), *map(formats.seconds, _seconds_of(found.get(week))))
        if week in found
        else (formats.range_of(week), FEW, FEW)
        for week in reversed(weeks)
    ]
    newest = facts.response.get(weeks[-1]) if weeks[-1] in found else None
    lead = (
        "Too few answers to say."
        if not found
        else (
            f"In the newest week half within {formats.seconds(newest.p50)}, "
            f"nine of ten within {formats.seconds(newest.p90)}."
            if newest
            else "By week."
        )
    )
    plot = Plot("seconds", rows, series) if found else None
    heads = ("Week", "p50", "p90")
    values = ("first_response_seconds",)
    return Section("response", "First response", lead, values, Table(heads, table), plot)


def credits_used(facts: Facts, span: Span) -> Section:
    """Credits per conversation and per resolution, by week, of final days."""
    values = ("credits_per_conversation", "credits_per_resolution")
    found = facts.credits
    if found is None or not found.rows:
        text = "No final day of the API's analytics is loaded in these days."
        return Section("credits", "Credits", text, values)
    series = ("Per conversation", "Per resolution")
    rows, table = [], []
    for week in span.weeks:
        shown = found.total("sum(conversations)", week) >= LEAST_PEOPLE
        each = [found.of(name, week) if shown else None for name in values]
        rows += [
            {"week": _monday(week), "series": s, "value": v, "text": formats.decimal(v)}
            for s, v in zip(series, each, strict=True)
        ]
        used = formats.decimal(found.total("sum(credits)", week))
        table.append((formats.range_of(week), used, *map(formats.decimal, each)))
    total = found.total("sum(credits)", span)
    per = formats.decimal(found.of("credits_per_conversation", span))
    lead = f"{formats.count(total)} credits on final days, {per} per conversation."
    heads = ("Week", "Credits", "Per conversation", "Per resolution")
    note = "Days are those of the API's analytics, in their own time zone."
    plot = Plot("credits", rows, series)
    return Section(*("credits", "Credits", lead, values, Table(heads, table[::-1]), plot, (note,)))


def _weekly(
    anchor: str,
    title: str,
    lead: str,
    names: dict[str, str],
    facts: Facts,
    span: Span,
    kind: str = "rates",
) -> Section:
    rows: list[Row] = []
    table = []
    for week in span.weeks:
        shares = {name: rate(facts, name, week) for name in names}
        rows += [
            {"week": _monday(week), "series": names[n], "value": v, "text": formats.percent(v)}
            for n, v in shares.items()
        ]
        table.append((formats.range_of(week), *map(formats.percent, shares.values())))
    has_values = any(row["value"] is not None for row in rows)
    plot = Plot(kind, rows, tuple(names.values())) if has_values else None
    heads = ("Week", *names.values())
    return Section(anchor, title, lead, tuple(names), Table(heads, table[::-1]), plot)


def _seconds_of(numbers: Percentiles | None) -> tuple[float | None, float | None]:
    return (numbers.p50, numbers.p90) if numbers else (None, None)


def _monday(week: Span) -> str:
    """The Monday of a week, as a local time, which a browser shows as the same day anywhere."""
    return f"{monday_of(week.first)}T00:00"
