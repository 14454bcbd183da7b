"""Conversations that the tables have and the API does not return when asked for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from chatislav_source.proof.definitions import TOTAL
from chatislav_source.proof.reconciliation import ABSENT, Comparison

ABSENT_WORDS = "asked for by its session id; the API does not return it"


def absence(
    day: Comparison, session_id: str, before: Comparison | None, is_there: bool, now: datetime
) -> Comparison | None:
    """The row of a conversation that was asked for by its id; None if nothing need be noted.

    `day` is the row of its day, `before` what was noted earlier. A second absence counts only on
    another day, as the API may be out of order for hours.
    """
    if is_there:
        return _is_back(before, now) if before else None
    if before is None:
        metric = f"{ABSENT}{session_id}"
        values = (1.0, 1.0, ABSENT_WORDS)
        return Comparison(
            day.bot_id,
            day.date,
            day.channel,
            metric,
            day.timezone,
            0.0,
            *values,
            "extra",
            now,
            now,
            1,
        )
    if before.checked_at.date() == now.date():
        return before
    return replace(before, checked_at=now, heal_attempts=before.heal_attempts + 1)


def absences(
    rows: Sequence[Comparison], stored: Iterable[Comparison], now: datetime
) -> list[Comparison]:
    """The stored rows of absent conversations of the days of `rows`.

    Those of days that no longer have too many conversations are settled: the row is gone.
    """
    extra = {
        (row.date, row.channel) for row in rows if row.metric == TOTAL and row.status == "extra"
    }
    days = {row.date for row in rows}
    kept = [row for row in stored if row.session_id is not None and row.date in days]
    return [
        row if row.status == "equal" or (row.date, row.channel) in extra else _is_gone(row, now)
        for row in kept
    ]


def _is_gone(row: Comparison, now: datetime) -> Comparison:
    return replace(row, counted_value=0.0, difference=0.0, status="equal", checked_at=now)


def _is_back(row: Comparison, now: datetime) -> Comparison:
    return replace(row, api_value=1.0, difference=0.0, status="equal", checked_at=now)
