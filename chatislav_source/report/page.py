"""The page: one HTML file that requests nothing. Everything from the warehouse is escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from html import escape
from importlib.resources import files

from chatislav_source.report import charts, formats
from chatislav_source.report.comparisons import (
    BEYOND_CHANCE,
    LEAST_COMPARED,
    Compared,
    compared,
)
from chatislav_source.report.definitions import Metric, metric_of
from chatislav_source.report.facts import Facts
from chatislav_source.report.findings import findings
from chatislav_source.report.proof_line import proof_line
from chatislav_source.report.queries import LEAST_PEOPLE
from chatislav_source.report.sections import sections
from chatislav_source.report.sections.parts import Plot, Section, Table

FULL_WIDTH = {"week", "volume"}
WIDE, NARROW, FULL = 470, 310, 1040  # pixels of static charts, which the page scales
_SPECS = '<script type="application/json" id="specs">{}</script>\n'
NOTHING_STANDS_OUT = "Nothing stands out: no rate moved more than chance explains."
CHANCE = (
    "Bold is a change of at least 10 % of conversations, or 2 points of a rate, that is more than "
    f"chance explains: {BEYOND_CHANCE} standard errors, between weeks of at least {LEAST_COMPARED}."
)
EMPTY = "No conversation is loaded of a day that has ended, so there is nothing to show yet."
FOOTER = (
    f"Numbers of fewer than {LEAST_PEOPLE} people are folded into a larger group or not shown. A "
    "person is a phone number or IP address; whoever has none counts for each conversation. "
    "Percentages are quotients of sums. This file holds no text of a conversation, and requests "
    "nothing from the network."
)


def page(facts: Facts, made_at: datetime, is_static: bool) -> str:
    """The whole file; `made_at` is aware. `is_static`: charts are SVG, and no script is needed."""
    shown = sections(facts)
    plots = {section.anchor: section.plot for section in shown if section.plot}
    script = "" if is_static or not plots else charts.bundled(_file("page.js"))
    specs = _SPECS.format(charts.as_json(plots)) if script else ""
    body = "\n".join(_body(facts, made_at, shown, is_static))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(_title(facts))}</title>\n<style>\n{_file('page.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n{specs}"
        + (f'<script type="module">{script}</script>\n' if script else "")
        + "</body>\n</html>\n"
    )


def _policy(script: str) -> str:
    """Only the script of this file may run, and nothing may be requested."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    may_run = f" script-src 'sha256-{digest}';" if script else ""
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:;{may_run}"


def _file(name: str) -> str:
    return files("chatislav_source.report").joinpath(name).read_text("utf-8")


def _title(facts: Facts) -> str:
    if facts.span is None:
        return "Conversations"
    first, last = facts.span.first, facts.span.last
    return f"Conversations, {formats.day(first)} to {formats.day_and_year(last)}"


def _body(facts: Facts, made_at: datetime, shown: list[Section], is_static: bool) -> Iterable[str]:
    proof = proof_line(facts)
    mark = "✓" if proof.is_good else "!"
    yield f"<header>\n<h1>{escape(_title(facts))}</h1>"
    yield f'<p class="about">{escape(_about(facts, made_at))}</p>\n</header>'
    state = "proof" if proof.is_good else "proof open"
    yield f'<div class="{state}" id="proof"><b aria-hidden="true">{mark}</b>'
    yield f"<p>{_with_code(proof.text)}</p></div>"
    if not shown:
        yield f'<div class="grid"><section class="card full"><p>{EMPTY}</p></section></div>'
        return
    yield '<div class="grid">'
    yield _week(facts)
    yield _look(facts)
    for section in shown:
        yield _section(section, is_static)
    yield f"</div>\n<footer>{FOOTER}</footer>"


def _with_code(text: str) -> str:
    """The text, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _with_units(text: str) -> str:
    """The text, with each unit on the line of its number."""
    return re.sub(r"(\d) (s|min|h|%)(?!\w)", "\\1&nbsp;\\2", escape(text))


def _about(facts: Facts, made_at: datetime) -> str:
    parts = [formats.plural(len(facts.bots), "bot"), f"days in {facts.timezone}"]
    return ", ".join([*parts, f"made {formats.day_and_year(made_at)}, {made_at:%H:%M %Z}"])


def _look(facts: Facts) -> str:
    found = findings(facts)
    items = "".join(f'<li>{escape(f.text)} <a href="#{f.anchor}">More</a></li>' for f in found)
    content = f"<ul>{items}</ul>" if found else f'<p class="lead">{NOTHING_STANDS_OUT}</p>'
    return f'<section class="card full look" id="look"><h2>What to look at</h2>{content}</section>'


def _week(facts: Facts) -> str:
    """The last 7 days beside the 7 before, as large numbers and as a table."""
    week = compared(facts)
    if not week or facts.span is None:
        return ""
    rows = [(each.label, each.now.text, each.before.text, each.change) for each in week]
    lead = f"{formats.range_of(facts.span.last_week)}, and the change from the 7 days before."
    table = Table(("", "Last 7 days", "7 days before", "Change"), rows)
    values = tuple(each.name for each in week)
    section = Section("week", "The last 7 days", lead, values, table, None, (CHANCE,))
    return _section(section, True, f'<div class="tiles">{"".join(map(_tile, week))}</div>')


def _tile(each: Compared) -> str:
    few = "" if each.now.number is not None else " few"
    strong = " strong" if each.is_beyond_chance else ""
    return (
        f'<div class="tile"><div class="label">{escape(each.label)}</div>'
        f'<div class="number{few}" data-value="{each.name}">{escape(each.now.text)}</div>'
        f'<div class="change{strong}">{escape(each.change)}</div></div>'
    )


def _section(section: Section, is_static: bool, numbers: str = "") -> str:
    size = " full" if section.anchor in FULL_WIDTH else ""
    parts = [
        f'<section class="card{size}" id="{section.anchor}"><h2>{escape(section.title)}</h2>',
        f'<p class="lead">{_with_units(section.lead)}</p>',
        numbers,
    ]
    if section.plot:
        parts += [_legend(section.plot), _chart(section, section.plot, is_static)]
    parts += [f'<p class="note">{escape(note)}</p>' for note in section.notes]
    parts.append('<div class="below">')
    if section.table and section.table.rows:
        parts.append(f"<details><summary>Table</summary>{_table(section.table)}</details>")
    parts.append(f"<details><summary>Definition</summary>{_definitions(section)}</details>")
    return "\n".join([*parts, "</div></section>"])


def _chart(section: Section, plot: Plot, is_static: bool) -> str:
    label = f'role="img" aria-label="{escape(f"{section.title}. {section.lead}")}"'
    if not is_static:
        return f'<div class="chart" {label}></div>'
    wide = FULL if section.anchor in FULL_WIDTH else WIDE
    return "".join(
        f'<div class="chart static {name}" {label}>{charts.svg_of(plot, width)}</div>'
        for name, width in (("wide", wide), ("narrow", NARROW))
    )


def _legend(plot: Plot) -> str:
    if not plot.series:
        return ""
    items = "".join(
        f'<li><i style="background:{colour}"></i>{escape(name)}</li>'
        for name, colour in charts.colours(plot).items()
    )
    return f'<ul class="legend">{items}</ul>'


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _definitions(section: Section) -> str:
    metrics: dict[str, Metric] = {}
    for name in section.values:
        metric = metric_of()[name]
        metrics[metric.title] = metric
    return f"<dl>{''.join(_definition(each, section.values) for each in metrics.values())}</dl>"


def _definition(metric: Metric, names: tuple[str, ...]) -> str:
    words = _with_code(f"{metric.definition} {metric.decision}".strip())
    formulas = "".join(
        f"<dd><code>{escape(each.name)} = {escape(each.formula)}</code></dd>"
        for each in metric.values
        if each.name in names
    )
    return f"<dt>{escape(metric.title)}</dt><dd>{words}</dd>{formulas}"
