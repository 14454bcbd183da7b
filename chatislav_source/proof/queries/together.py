"""Makes one query of several, as a warehouse may take a second to answer one. Pure.

Their rows are put into the columns of one UNION ALL, each of which has one type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

TYPES: dict[str, dict[str, str]] = {
    "duckdb": {
        "bot": "BIGINT",
        "day": "DATE",
        "text": "VARCHAR",
        "time": "TIMESTAMPTZ",
        "number": "DOUBLE",
    },
    "postgres": {
        "bot": "BIGINT",
        "day": "DATE",
        "text": "VARCHAR",
        "time": "TIMESTAMPTZ",
        "number": "DOUBLE PRECISION",
    },
    "snowflake": {
        "bot": "BIGINT",
        "day": "DATE",
        "text": "VARCHAR",
        "time": "TIMESTAMP_TZ",
        "number": "DOUBLE",
    },
    "bigquery": {
        "bot": "INT64",
        "day": "DATE",
        "text": "STRING",
        "time": "TIMESTAMP",
        "number": "FLOAT64",
    },
}
"""By dialect, the types of the columns."""


@dataclass(frozen=True)
class Part:
    """One of the queries: its columns by their kind, and the SQL after FROM with its values.

    Its rows have a `bot_id`. `older` reads tables that an older version of the package has loaded.
    """

    name: str
    rows: str
    values: tuple[Any, ...] = ()
    days: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    older: Part | None = None

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns by kind, in the order in which the query has them."""
        return {"day": self.days, "text": self.texts, "time": self.times, "number": self.numbers}


class Found(NamedTuple):
    """A row of one part."""

    bot_id: int
    days: Sequence[date]
    texts: Sequence[str | None]
    times: Sequence[datetime | None]
    numbers: Sequence[float | None]


def query_of(parts: Sequence[Part], dialect: str) -> str:
    """The one query; the values of its parts follow each other."""
    types, widths = TYPES[dialect], _widths(parts)
    return "\nUNION ALL\n".join(_select(part, types, widths) for part in parts)


def rows_of(parts: Sequence[Part], rows: Iterable[Sequence[Any]]) -> dict[str, list[Found]]:
    """The rows of the one query, by part."""
    by_name = {part.name: part for part in parts}
    found: dict[str, list[Found]] = {part.name: [] for part in parts}
    widths = _widths(parts)
    for name, bot_id, *values in rows:
        days, texts, times, numbers = _cut(by_name[name], widths, values)
        known = [None if number is None else float(number) for number in numbers]
        found[name].append(Found(int(bot_id), days, texts, times, known))
    return found


def _widths(parts: Sequence[Part]) -> dict[str, int]:
    kinds = parts[0].columns
    return {kind: max(len(part.columns[kind]) for part in parts) for kind in kinds}


def _select(part: Part, types: dict[str, str], widths: dict[str, int]) -> str:
    columns = [f"'{part.name}' AS part", f"CAST(bot_id AS {types['bot']}) AS bot_id"]
    for kind, own in part.columns.items():
        padded = [*own, *["NULL"] * (widths[kind] - len(own))]
        columns += [
            f"CAST({column} AS {types[kind]}) AS {kind}_{number}"
            for number, column in enumerate(padded)
        ]
    return f"SELECT {', '.join(columns)} FROM {part.rows}"  # noqa: S608 - no text of a user


def _cut(part: Part, widths: dict[str, int], values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values of each kind, without those that only fill the columns of other parts."""
    begin = 0
    for kind, own in part.columns.items():
        yield values[begin : begin + len(own)]
        begin += widths[kind]
