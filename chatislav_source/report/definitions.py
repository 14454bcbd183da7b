"""The definitions of the metrics, from the one file that has them: `models/metrics.yml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class Value:
    """A value of a metric: `numerator`, or `numerator` by `denominator`, over rows of `model`.

    With `percentiles` it is those percentiles of `column`. `where` always holds.
    """

    name: str
    model: str
    numerator: str = ""
    denominator: str = ""
    where: str = ""
    column: str = ""
    percentiles: tuple[int, ...] = ()

    @property
    def formula(self) -> str:
        """The definition as SQL, for people."""
        if self.percentiles:
            percentiles = " and ".join(f"p{percent}" for percent in self.percentiles)
            text = f"{percentiles} of {self.column}"
        else:
            text = " ÷ ".join(part for part in (self.numerator, self.denominator) if part)
        return f"{text}, from {self.model}" + (f" where {self.where}" if self.where else "")


@dataclass(frozen=True)
class Metric:
    """A metric with its values; `decision` says why it is defined so, empty if nobody argues."""

    title: str
    definition: str
    decision: str = ""
    values: tuple[Value, ...] = field(default=())


@cache
def metric_of() -> dict[str, Metric]:
    """The metric of each value, by the value's name."""
    text = files("chatislav_source").joinpath("models", "metrics.yml").read_text("utf-8")
    document = yaml.safe_load(text)
    metrics = [_metric(entry) for part in ("metrics", "also") for entry in document[part]]
    return {value.name: metric for metric in metrics for value in metric.values}


def value(name: str) -> Value:
    """The value of that name."""
    return next(each for each in metric_of()[name].values if each.name == name)


def _metric(entry: dict[str, Any]) -> Metric:
    values = tuple(
        Value(**{**each, "percentiles": tuple(each.get("percentiles", ()))})
        for each in entry["values"]
    )
    return Metric(entry["title"], entry["definition"], entry.get("decision", ""), values)
