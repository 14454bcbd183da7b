"""What a section of the page is made of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Plot:
    """What a chart shows: its kind, its rows, the names of its colours in order, and of a bar."""

    kind: str
    rows: list[Row]
    series: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column says what the others are of."""

    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Section:
    """A section: `values` are names in metrics.yml; without a plot, `lead` says why."""

    anchor: str
    title: str
    lead: str
    values: tuple[str, ...]
    table: Table | None = None
    plot: Plot | None = None
    notes: tuple[str, ...] = field(default=())
