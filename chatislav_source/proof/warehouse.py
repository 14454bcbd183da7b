"""Asks the warehouse: the tables by quarter-hour, the API's totals, and earlier results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError

from chatislav_source.destinations.merging.rows_in_force import names_in_queries
from chatislav_source.destinations.merging.strategies import require_dialect
from chatislav_source.errors import LoadFailedError
from chatislav_source.proof.bounds import (
    AVERAGE,
    CONTACTS,
    CREDIT_PARTS,
    CREDITS,
    GUARDRAILS,
    MEDIAN,
)
from chatislav_source.proof.counts import ErasedConversation
from chatislav_source.proof.definitions import METRICS
from chatislav_source.proof.queries.counting import counted_part, of_bots
from chatislav_source.proof.queries.together import Found, Part, query_of, rows_of
from chatislav_source.proof.reconciliation import Comparison, DayTotals
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.redaction import failed_query

RECONCILIATION = "reconciliation"
DEFINITIONS = "definitions"
OWN_TABLES = (RECONCILIATION, DEFINITIONS)

OF_METRICS = [column for metric in METRICS for column in metric.columns]
NOT_COUNTED = [*CONTACTS, CREDITS, *CREDIT_PARTS, GUARDRAILS, AVERAGE, MEDIAN]
VALUES = tuple(dict.fromkeys([*OF_METRICS, *NOT_COUNTED]))
ERASED = """
SELECT bot_id, first_day, last_day, messages FROM {forgotten}
WHERE bot_id > 0 AND conversations > 0 AND first_day IS NOT NULL
"""
OLD = """
SELECT session_id FROM {conversations}
WHERE bot_id = %s AND {column} >= %s AND {column} < %s AND synced_at < %s ORDER BY session_id
"""
DEFINITION_TEXTS = ("metric", "definition", "next_best", "verdict", "proven_by")
DEFINITION_NUMBERS = ("days", "days_equal", "next_best_equal")
COMPARISON_TEXTS = ("channel", "metric", "timezone", "definition", "status")
COMPARISON_TIMES = ("first_seen_at", "checked_at", "healed_at")
COMPARISON_NUMBERS = ("api_value", "counted_value", "difference", "heal_attempts")


NO_DIALECT = (
    "`verify` cannot count in the destination {name}: it does so in DuckDB, Postgres, "
    "Snowflake and BigQuery, and in databases with the SQL of one of them."
)


class Warehouse:
    """Queries over one connection of a pipeline's destination; reads only."""

    def __init__(self, client: Any, dialect: str, names: Mapping[str, str]) -> None:
        self._client = client
        self._dialect = dialect
        own = {name: client.make_qualified_table_name(name) for name in OWN_TABLES}
        self._names = {**names, **own}

    def held(
        self, first_day: date, last_day: date, bot_ids: Sequence[int]
    ) -> dict[str, list[Found] | None]:
        """By name, the rows of each of `parts_of`; None where a table does not exist.

        One query, if all tables exist.
        """
        parts = parts_of(self._dialect, first_day, last_day, bot_ids)
        with suppress(LoadFailedError):
            found = self._read(parts)
            if found is not None:
                return {**found}
        return {part.name: self._alone(part) for part in parts}

    def _alone(self, part: Part) -> list[Found] | None:
        try:
            found = self._read([part])
        except LoadFailedError:
            if part.older is None:
                raise
            return self._alone(part.older)
        return None if found is None else found[part.name]

    def _read(self, parts: Sequence[Part]) -> dict[str, list[Found]] | None:
        values = [value for part in parts for value in part.values]
        rows = self._rows(query_of(parts, self._dialect), values)
        return None if rows is None else rows_of(parts, rows)

    def erased(self) -> list[ErasedConversation]:
        """The conversations that were erased, or left out; none if there is no such table."""
        return [
            ErasedConversation(int(bot_id), first_day, last_day, int(messages))
            for bot_id, first_day, last_day, messages in self._rows(ERASED, []) or ()
        ]

    def not_read_since(
        self, bot_id: int, column: str, bounds: Sequence[datetime], began: datetime
    ) -> list[str]:
        """The sessions whose `column` is in `bounds` (first included) and that are of before."""
        values = [bot_id, *bounds, began]
        return [session_id for (session_id,) in self._rows(OLD, values, column=column) or ()]

    def _rows(self, query: str, values: Sequence[Any], **parts: str) -> list[Any] | None:
        """The rows of a query; None if a table does not exist."""
        text = query.format(**parts, **self._names)
        try:
            with self._client.execute_query(text, *values) as cursor:
                return list(cursor.fetchall())
        except NO_TABLE:
            return None
        except (DatabaseException, DestinationConnectionError) as error:
            raise failed_query(error) from None


def dialect_of(pipeline: dlt.Pipeline) -> str:
    """The SQL dialect of the pipeline's destination.

    Raises:
        ConfigurationError: as `require_dialect`.
    """
    return require_dialect(pipeline, NO_DIALECT)


@contextmanager
def connected(pipeline: dlt.Pipeline) -> Iterator[Warehouse]:
    """A connection to the pipeline's destination.

    Raises:
        ConfigurationError: its SQL is of no known dialect.
        ChatislavError: it could not be asked.
    """
    dialect = dialect_of(pipeline)
    with pipeline.sql_client() as client:
        yield Warehouse(client, dialect, names_in_queries(pipeline, client))


def parts_of(dialect: str, first_day: date, last_day: date, bot_ids: Sequence[int]) -> list[Part]:
    """The API's totals since `first_day`, what is counted until `last_day`, and earlier results.

    `bot_ids` empty means every bot.
    """
    return [
        Part(
            "totals",
            f"{{analytics}} WHERE date >= %s AND {of_bots('bot_id', bot_ids)}",
            (first_day,),
            days=("date",),
            texts=("channel", "timezone"),
            numbers=("CASE WHEN is_final THEN 1 ELSE 0 END", *VALUES),
        ),
        counted_part(dialect, *bounds_of(first_day, last_day), bot_ids),
        Part(
            DEFINITIONS,
            "{definitions}",
            texts=DEFINITION_TEXTS,
            numbers=DEFINITION_NUMBERS,
        ),
        Part(
            RECONCILIATION,
            "{reconciliation} WHERE date >= %s",
            (first_day,),
            days=("date",),
            texts=COMPARISON_TEXTS,
            times=COMPARISON_TIMES,
            numbers=COMPARISON_NUMBERS,
        ),
    ]


def totals_of(rows: Iterable[Found]) -> dict[int, list[DayTotals]]:
    """The API's totals by bot, in the order of days and channels."""
    found: dict[int, list[DayTotals]] = {}
    for row in rows:
        is_final, *numbers = row.numbers
        channel, timezone = map(str, row.texts)
        values = dict(zip(VALUES, numbers, strict=True))
        totals = DayTotals(row.days[0], channel, timezone, bool(is_final), values)
        found.setdefault(row.bot_id, []).append(totals)
    return {bot_id: sorted(each, key=_place) for bot_id, each in found.items()}


def _place(totals: DayTotals) -> tuple[date, str, str]:
    return totals.day, totals.channel, totals.timezone


def definitions_of(rows: Iterable[Found]) -> list[dict[str, Any]]:
    """The rows of `definitions` without `checked_at`."""
    return [
        {"bot_id": row.bot_id}
        | dict(zip(DEFINITION_TEXTS, row.texts, strict=True))
        | {name: int(n or 0) for name, n in zip(DEFINITION_NUMBERS, row.numbers, strict=True)}
        for row in rows
    ]


def comparisons_of(rows: Iterable[Found]) -> list[Comparison]:
    """The rows of `reconciliation`."""
    found = []
    for row in rows:
        times = [moment and moment.astimezone(UTC) for moment in row.times]
        values: dict[str, Any] = {
            **dict(zip(COMPARISON_TEXTS, row.texts, strict=True)),
            **dict(zip(COMPARISON_TIMES, times, strict=True)),
            **dict(zip(COMPARISON_NUMBERS, row.numbers, strict=True)),
        }
        values["heal_attempts"] = int(values["heal_attempts"])
        found.append(Comparison(bot_id=row.bot_id, date=row.days[0], **values))
    return found


def bounds_of(first_day: date, last_day: date) -> tuple[datetime, datetime]:
    """The instants between which the days lie in every zone."""
    first = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    last = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC)
    return first - timedelta(days=1), last + timedelta(days=2)
