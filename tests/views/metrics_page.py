"""Renders `docs/metrics.md` from the definitions: `python -m tests.views.metrics_page`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.views.dbt import PROJECT

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
DEFINITIONS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (PROJECT / "metrics.yml").read_text("utf-8")
)
METRICS = [*DEFINITIONS["metrics"], *DEFINITIONS["also"]]
VALUES: list[dict[str, Any]] = [value for metric in METRICS for value in metric["values"]]

HEAD = """\
# Metrics

Each metric is defined once, in `chatislav_source/models/metrics.yml`; this page is rendered from
it. The models that it names are described in [Models](models.md).

Every rate is the quotient of two sums, so it is right for any range, channel and bot. What does not
add up over days is named `day_*` in the models and is never summed. Percentiles are interpolated as
`PERCENTILE_CONT` does. Days, weeks and hours are those of the zone of choice, except those of the
API's own totals, which have the zone of `timezone`.
"""


def page() -> str:
    """The page, as it has to be."""
    return "\n".join([HEAD, *_sections(DEFINITIONS["metrics"]), "## Also\n", *_also()])


def _sections(metrics: list[dict[str, Any]]) -> Iterator[str]:
    for metric in metrics:
        yield f"## {metric['number']}. {metric['title']}\n"
        yield from _body(metric)


def _also() -> Iterator[str]:
    for metric in DEFINITIONS["also"]:
        yield f"### {metric['title']}\n"
        yield from _body(metric)


def _body(metric: dict[str, Any]) -> Iterator[str]:
    yield f"{metric['definition']}\n"
    if metric["values"]:
        yield "| value | model | definition |"
        yield "|---|---|---|"
        yield from (f"| `{v['name']}` | `{v['model']}` | {_formula(v)} |" for v in metric["values"])
        yield ""
    if "decision" in metric:
        yield f"Decision: {metric['decision']}\n"


def _formula(value: dict[str, Any]) -> str:
    where = f" where `{value['where']}`" if "where" in value else ""
    if "percentiles" in value:
        percentiles = " and ".join(f"p{percent}" for percent in value["percentiles"])
        return f"{percentiles} of `{value['column']}`{where}"
    quotient = " ÷ ".join(
        f"`{value[part]}`" for part in ("numerator", "denominator") if part in value
    )
    return quotient + where


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
