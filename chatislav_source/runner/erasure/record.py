"""Reads and writes the rows of the table `forgotten`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import dlt

from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.erasure.table import (
    COLUMNS,
    FORGOTTEN,
    Forgotten,
    forgotten_source,
    instant_of,
    with_stored,
)
from chatislav_source.runner.load_package import load
from chatislav_source.runner.redaction import asking


def record(
    pipeline: dlt.Pipeline, rows: Iterable[Forgotten], recounted: Sequence[int] = ()
) -> None:
    """Write rows of the table `forgotten`, over what it has of them.

    The next sync of the `recounted` bots counts their rows anew.

    Raises:
        LoadFailedError: the destination refused it.
    """
    known = {row.key: row for row in stored(pipeline)}
    merged: dict[tuple[str, int], Forgotten] = {}
    for row in rows:  # two spellings of one value have the same key
        merged[row.key] = with_stored(row, merged.get(row.key) or known.get(row.key))
    load(pipeline, forgotten_source(merged.values(), recounted))


def stored(pipeline: dlt.Pipeline) -> list[Forgotten]:
    """The rows of the table `forgotten`; none if there is no such table.

    Raises:
        LoadFailedError: the destination could not be asked.
    """
    with asking(pipeline) as client:
        name = client.make_qualified_table_name(FORGOTTEN.name)
        try:
            rows = client.execute_sql(f"SELECT {', '.join(COLUMNS)} FROM {name}")  # noqa: S608 - a table's name
        except NO_TABLE:
            return []
    return [_typed(dict(zip(COLUMNS, row, strict=True))) for row in rows or ()]


def _typed(row: dict[str, Any]) -> Forgotten:
    for name in ("bot_id", "conversations", "messages", "rejected"):
        row[name] = int(row[name])
    for name in ("first_day", "last_day"):
        if isinstance(row[name], str):  # SQLite has no dates
            row[name] = date.fromisoformat(row[name])
    row["forgotten_at"] = instant_of(row["forgotten_at"])
    return Forgotten(**row)
