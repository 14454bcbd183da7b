"""Charts as Vega-Lite, made with Altair. Colours are variables of the page's style sheet."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import vl_convert

from chatislav_source.report.folding import OTHERS
from chatislav_source.report.sections.parts import Plot, Row

HEIGHT = 210
WEEKDAY_ORDER = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
SERIES = ("var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)")
REST = "var(--rest)"
HEAT = [f"var(--h{number})" for number in range(6)]
SENTIMENTS = ("var(--good)", "var(--rest)", "var(--bad)")
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "padding": {"left": 2, "top": 6, "right": 8, "bottom": 2},
    "axis": {
        "labelColor": "var(--muted)",
        "labelFontSize": 11,
        "labelPadding": 6,
        "domain": False,
        "ticks": False,
        "title": None,
        "gridColor": "var(--line)",
    },
    "axisX": {"grid": False, "labelAngle": 0, "labelOverlap": "greedy", "labelSeparation": 6},
    "axisY": {"tickCount": 4},
    "line": {"strokeWidth": 2.25, "strokeCap": "round", "strokeJoin": "round"},
    "point": {"filled": True, "size": 34},
}


def colours(plot: Plot) -> dict[str, str]:
    """The colour of each series, for the chart and its legend."""
    if plot.kind == "stack":
        return dict(zip(plot.series, SENTIMENTS, strict=True))
    named = [name for name in plot.series if name != OTHERS]
    found = dict(zip(named, SERIES, strict=False))
    return found | ({OTHERS: REST} if OTHERS in plot.series else {})


def spec_of(plot: Plot, width: int | str) -> dict[str, Any]:
    """The Vega-Lite specification; `width` in pixels, or `container`."""
    chart = _CHARTS[plot.kind](plot)
    return dict(chart.properties(width=width).configure(**CONFIG).to_dict())


def svg_of(plot: Plot, width: int) -> str:
    """The chart as SVG without any script."""
    svg = vl_convert.vegalite_to_svg(spec_of(plot, width), show_warnings=False)
    return str(svg)


def bundled(script: str) -> str:
    """A script that uses `vegaEmbed`, with all that it needs; safe inside a script element."""
    return str(vl_convert.javascript_bundle(script)).replace("</script", "<\\/script")


def _data(rows: list[Row]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _scale(plot: Plot) -> alt.Scale:
    found = colours(plot)
    return alt.Scale(domain=list(found), range=list(found.values()))


def _weeks() -> alt.X:
    """Each week at its place; a continuous axis would have its ticks on Sundays."""
    return alt.X("yearmonthdate(week):O", axis=alt.Axis(format="%-d %b"))


def _days(kind: str) -> alt.Axis:
    """Labels of days, or of weeks if `kind` is ordinal.

    None at the end of an axis of days, which is the start of the day after the last.
    """
    if kind == "O":
        return alt.Axis(format="%-d %b", tickCount=8)
    label = "datum.index === 1 ? '' : timeFormat(datum.value, '%-d %b')"
    return alt.Axis(labelExpr=label, tickCount=8)


def _volume(plot: Plot) -> Any:
    kind = "T" if plot.unit == "Day" else "O"
    chart = alt.Chart(_data(_in_order(plot, "channel")), height=HEIGHT)
    return chart.mark_bar(width=alt.RelativeBandSize(0.78)).encode(
        x=alt.X(f"yearmonthdate(day):{kind}", axis=_days(kind)),
        y=alt.Y("conversations:Q"),
        color=alt.Color("channel:N", scale=_scale(plot), legend=None),
        order=alt.Order("order:Q"),
        tooltip=[
            alt.Tooltip("day:T", title=plot.unit, format="%a %-d %b %Y"),
            alt.Tooltip("channel:N", title="Channel"),
            alt.Tooltip("conversations:Q", title="Conversations", format=","),
        ],
    )


def _in_order(plot: Plot, field: str) -> list[Row]:
    """The rows with the place of their series, by which bars are stacked."""
    return [row | {"order": plot.series.index(row[field])} for row in plot.rows]


def _lines(plot: Plot, axis: alt.Axis, scale: alt.Scale) -> Any:
    return (
        alt.Chart(_data(plot.rows), height=HEIGHT)
        .mark_line(point=True)
        .encode(
            x=_weeks(),
            y=alt.Y("value:Q", axis=axis, scale=scale),
            color=alt.Color("series:N", scale=_scale(plot), legend=None),
            tooltip=[
                alt.Tooltip("week:T", title="Week of", format="%-d %b %Y"),
                alt.Tooltip("series:N", title="Rate"),
                alt.Tooltip("text:N", title="Value"),
            ],
        )
    )


def _rates(plot: Plot) -> Any:
    axis = alt.Axis(format=".0%", tickCount=4)
    return _lines(plot, axis, alt.Scale(domainMin=0, nice=True))


def _seconds(plot: Plot) -> Any:
    """Whole minutes and hours at the axis, as soon as values are that long."""
    label = (
        "datum.value < 60 ? datum.value + ' s' : datum.value < 3600 ? "
        "format(datum.value / 60, '.3~f') + ' min' : format(datum.value / 3600, '.3~f') + ' h'"
    )
    values = [row["value"] for row in plot.rows if row["value"] is not None]
    step = _time_step(max(values))
    ticks = [step * number for number in range(int(max(values) // step) + 2)]
    axis = alt.Axis(labelExpr=label, values=ticks)
    return _lines(plot, axis, alt.Scale(domain=[0, ticks[-1]]))


def _time_step(longest: float) -> int:
    """Seconds between ticks, so that there are few."""
    steps = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    return next((step for step in steps if longest / step <= 4), 86400 * 7)


def _credits(plot: Plot) -> Any:
    return _lines(plot, alt.Axis(tickCount=4), alt.Scale(domainMin=0, nice=True))


def _stack(plot: Plot) -> Any:
    rows = [row for row in _in_order(plot, "series") if row["value"] is not None]
    return (
        alt.Chart(_data(rows), height=HEIGHT)
        .mark_bar(width=alt.RelativeBandSize(0.78))
        .encode(
            x=_weeks(),
            y=alt.Y(
                "value:Q",
                axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=alt.Color("series:N", scale=_scale(plot), legend=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("week:T", title="Week of", format="%-d %b %Y"),
                alt.Tooltip("series:N", title="Sentiment"),
                alt.Tooltip("text:N", title="Share"),
            ],
        )
    )


def _hours(plot: Plot) -> Any:
    told = [row["conversations"] for row in plot.rows if row["conversations"]]
    colour = alt.Color(
        "conversations:Q",
        scale=alt.Scale(type="threshold", domain=_thresholds(told), range=HEAT),
        legend=None,
    )
    return (
        alt.Chart(_data(plot.rows), height=HEIGHT)
        .mark_rect(cornerRadius=3)
        .encode(
            x=alt.X(
                "hour:O",
                axis=alt.Axis(labelExpr="slice(datum.value, 0, 2)"),
                scale=alt.Scale(paddingInner=0.1),
            ),
            y=alt.Y(
                "weekday:O",
                sort=WEEKDAY_ORDER,
                axis=alt.Axis(grid=False),
                scale=alt.Scale(paddingInner=0.12),
            ),
            color=colour,
            tooltip=[
                alt.Tooltip("weekday:N", title="Day"),
                alt.Tooltip("hour:N", title="Hours"),
                alt.Tooltip("text:N", title="Conversations"),
            ],
        )
    )


def _thresholds(told: list[float]) -> list[float]:
    """Where colours change: below are cells that are not told, then five equal parts."""
    least, most = min(told, default=1), max(told, default=6)
    return [0.5, *(least + (most - least) * part / 5 for part in range(1, 5))]


def _channels(plot: Plot) -> Any:
    return _bars(plot.rows, "channel", "share", "Share of conversations")


def _words(plot: Plot) -> Any:
    bars = _bars(plot.rows, "word", "now", "Now")
    ticks = (
        alt.Chart(_data([row for row in plot.rows if row["before"] is not None]))
        .mark_tick(color="var(--s2)", thickness=3, size=20)
        .encode(
            y=alt.Y("word:N", sort=[row["word"] for row in plot.rows]),
            x=alt.X("before:Q"),
            tooltip=[
                alt.Tooltip("word:N", title="Word"),
                alt.Tooltip("before:Q", title="Before", format=".1%"),
            ],
        )
    )
    return alt.layer(bars, ticks).properties(height=_height(plot.rows))


def _bars(rows: list[Row], name: str, share: str, title: str) -> Any:
    return (
        alt.Chart(_data(rows), height=_height(rows))
        .mark_bar(color="var(--s1)", height=alt.RelativeBandSize(0.62), cornerRadiusEnd=2)
        .encode(
            y=alt.Y(
                f"{name}:N",
                sort=[row[name] for row in rows],
                axis=alt.Axis(
                    labelLimit=110, grid=False, labelColor="var(--ink)", labelFontSize=12
                ),
            ),
            x=alt.X(f"{share}:Q", axis=alt.Axis(format=".0%", grid=True, tickCount=4)),
            tooltip=[
                alt.Tooltip(f"{name}:N", title=name.title()),
                alt.Tooltip(f"{share}:Q", title=title, format=".1%"),
            ],
        )
    )


def _height(rows: list[Row]) -> int:
    return max(60, 26 * len(rows))


# Altair types what its methods return differently from one chart to the other, so: Any
_CHARTS: dict[str, Callable[[Plot], Any]] = {
    "volume": _volume,
    "channels": _channels,
    "rates": _rates,
    "seconds": _seconds,
    "stack": _stack,
    "hours": _hours,
    "words": _words,
    "credits": _credits,
}


def as_json(plots: dict[str, Plot]) -> str:
    """The specifications by the section they belong to; safe inside a script element."""
    specs = {anchor: spec_of(plot, "container") for anchor, plot in plots.items()}
    return json.dumps(specs, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
