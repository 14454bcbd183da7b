"""Asks the warehouse: the tables by quarter-hour, the API's totals, and earlier results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError

from chatislav_source.destinations.merging.rows_in_force import names_in_queries
from chatislav_source.destinations.merging.strategies import can_delete
from chatislav_source.errors import ConfigurationError, LoadFailedError
from chatislav_source.proof.bounds import CONTACTS, CREDIT_PARTS, CREDITS, GUARDRAILS
from chatislav_source.proof.counts import Bucket, ErasedConversation
from chatislav_source.proof.definitions import METRICS
from chatislav_source.proof.reconciliation import Comparison, DayTotals
from chatislav_source.records.schema import GUARDRAIL_FLAGGED
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.redaction import failed_query

RECONCILIATION = "reconciliation"
DEFINITIONS = "definitions"
OWN_TABLES = (RECONCILIATION, DEFINITIONS)

QUARTERS = {
    "duckdb": "(EPOCH_US({column}) // 900000000)",
    "postgres": "CAST(FLOOR(EXTRACT(EPOCH FROM {column}) / 900) AS BIGINT)",
    "snowflake": "FLOOR(DATE_PART(EPOCH_SECOND, {column}) / 900)",
    "bigquery": "DIV(UNIX_SECONDS({column}), 900)",
}
"""By dialect, the quarter-hour of an instant; no day, as the dialects convert zones differently."""

# Rows, not `message_count`: a message that is lost or stored twice must be found.
COUNTED = """
WITH told AS (
  SELECT bot_id, session_id, COUNT(*) AS messages,
    SUM(CASE WHEN role = 'user' THEN 1 ELSE 0 END) AS user_messages,
    SUM(CASE WHEN role = 'assistant' THEN 1 ELSE 0 END) AS assistant_messages
  FROM {messages} WHERE bot_id IN ({bots}) GROUP BY bot_id, session_id
),
known AS (
  SELECT c.bot_id AS bot_id, {created} AS created, {activity} AS activity, c.channel AS channel,
    CASE WHEN c.human_takeover THEN 1 ELSE 0 END AS takeover,
    CASE WHEN c.feedback_comment IS NOT NULL THEN 1 ELSE 0 END AS commented,
    CASE WHEN {flag} THEN 1 ELSE 0 END AS flagged,
    CASE WHEN {flag} IS NULL THEN 1 ELSE 0 END AS not_asked,
    COALESCE(c.resolution_status, '') AS status,
    COALESCE(c.summary__resolution_status, '') AS summary_status,
    COALESCE(t.messages, 0) AS messages, COALESCE(t.user_messages, 0) AS user_messages,
    COALESCE(t.assistant_messages, 0) AS assistant_messages
  FROM {conversations} c
  LEFT JOIN told t ON t.bot_id = c.bot_id AND t.session_id = c.session_id
  WHERE c.bot_id IN ({bots}) AND ((c.created_at >= %s AND c.created_at < %s)
    OR (c.last_activity >= %s AND c.last_activity < %s))
)
SELECT 'created' AS basis, bot_id, created AS quarter, channel, {sums}
FROM known GROUP BY bot_id, created, channel
UNION ALL
SELECT 'activity' AS basis, bot_id, activity AS quarter, channel, {sums}
FROM known GROUP BY bot_id, activity, channel
UNION ALL
SELECT 'sent' AS basis, m.bot_id, {sent} AS quarter, c.channel,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, COUNT(*),
  SUM(CASE WHEN m.role = 'user' THEN 1 ELSE 0 END),
  SUM(CASE WHEN m.role = 'assistant' THEN 1 ELSE 0 END)
FROM {messages} m
JOIN {conversations} c ON c.bot_id = m.bot_id AND c.session_id = m.session_id
WHERE m.bot_id IN ({bots}) AND m.created_at >= %s AND m.created_at < %s
GROUP BY m.bot_id, {sent}, c.channel
"""
SUMS = ", ".join(
    (
        "COUNT(*)",
        "SUM(takeover)",
        "SUM(commented)",
        *(
            f"SUM(CASE WHEN {column} {condition} THEN 1 ELSE 0 END)"
            for column in ("status", "summary_status")
            for condition in ("= 'resolved'", "= 'unresolved'", "NOT IN ('resolved', 'unresolved')")
        ),
        "SUM(flagged)",
        "SUM(not_asked)",
        "SUM(messages)",
        "SUM(user_messages)",
        "SUM(assistant_messages)",
    )
)
VALUES = tuple(
    dict.fromkeys(
        [*(c for m in METRICS for c in m.columns), *CONTACTS, CREDITS, *CREDIT_PARTS, GUARDRAILS]
    )
)
TOTALS = """
SELECT bot_id, date, channel, timezone, is_final, {numbers} FROM {analytics}
WHERE date >= %s {bots} ORDER BY bot_id, date, channel
"""
KNOWN = "SELECT {columns} FROM {definitions}"
STORED = "SELECT {columns} FROM {reconciliation} WHERE date >= %s"
ERASED = """
SELECT bot_id, first_day, last_day, messages FROM {forgotten}
WHERE bot_id > 0 AND conversations > 0 AND first_day IS NOT NULL
"""
OLD = """
SELECT session_id FROM {conversations}
WHERE bot_id = %s AND {column} >= %s AND {column} < %s AND synced_at < %s ORDER BY session_id
"""
COLUMNS = tuple(field.name for field in fields(Comparison))
DEFINITION_COLUMNS = (
    "bot_id",
    "metric",
    "definition",
    "days",
    "days_equal",
    "next_best",
    "next_best_equal",
    "verdict",
    "proven_by",
)


NO_DIALECT = (
    "`verify` cannot count in the destination {name}: it does so in DuckDB, Postgres, "
    "Snowflake and BigQuery, and in databases with the SQL of one of them."
)


class Warehouse:
    """Queries over one connection of a pipeline's destination; reads only."""

    def __init__(self, client: Any, dialect: str, names: Mapping[str, str]) -> None:
        self._client = client
        self._quarter = QUARTERS[dialect]
        own = {name: client.make_qualified_table_name(name) for name in OWN_TABLES}
        self._names = {**names, **own}

    def totals(self, first_day: date, bot_ids: Sequence[int]) -> dict[int, list[DayTotals]]:
        """The API's totals since a day, by bot; without `bot_ids` of all bots."""
        bots = f"AND bot_id IN ({_listed(bot_ids)})" if bot_ids else ""
        found: dict[int, list[DayTotals]] = {}
        rows = self._rows(TOTALS, [first_day], numbers=", ".join(VALUES), bots=bots)
        for bot_id, day, channel, timezone, is_final, *values in rows or ():
            numbers = [None if value is None else float(value) for value in values]
            totals = DayTotals(
                day, channel, timezone, bool(is_final), dict(zip(VALUES, numbers, strict=True))
            )
            found.setdefault(int(bot_id), []).append(totals)
        return found

    def counted(self, first: datetime, last: datetime, bot_ids: Sequence[int]) -> list[Bucket]:
        """What the tables hold from `first` (included) to `last` (excluded), by quarter-hour."""
        parts = {
            "bots": _listed(bot_ids),
            "created": self._quarter.format(column="c.created_at"),
            "activity": self._quarter.format(column="c.last_activity"),
            "sent": self._quarter.format(column="m.created_at"),
            "sums": SUMS,
        }
        values = [first, last] * 3
        try:
            rows = self._rows(COUNTED, values, flag=f"c.{GUARDRAIL_FLAGGED.name}", **parts)
        except LoadFailedError:  # a version without this column has loaded the tables
            rows = self._rows(COUNTED, values, flag="CAST(NULL AS BOOLEAN)", **parts)
        return [
            Bucket(int(bot_id), basis, int(quarter), channel, tuple(int(v or 0) for v in values))
            for basis, bot_id, quarter, channel, *values in rows or ()
            if quarter is not None
        ]

    def erased(self) -> list[ErasedConversation]:
        """The conversations that were erased, or left out; none if there is no such table."""
        return [
            ErasedConversation(int(bot_id), first_day, last_day, int(messages))
            for bot_id, first_day, last_day, messages in self._rows(ERASED, []) or ()
        ]

    def definitions(self) -> list[dict[str, Any]] | None:
        """The rows of `definitions` without `checked_at`; None if there is no table."""
        rows = self._rows(KNOWN, [], columns=", ".join(DEFINITION_COLUMNS))
        if rows is None:
            return None
        found = [dict(zip(DEFINITION_COLUMNS, row, strict=True)) for row in rows]
        numbers = ("bot_id", "days", "days_equal", "next_best_equal")
        return [row | {name: int(row[name]) for name in numbers} for row in found]

    def stored(self, first_day: date) -> list[Comparison] | None:
        """The rows of `reconciliation` since a day; None if there is no table."""
        rows = self._rows(STORED, [first_day], columns=", ".join(COLUMNS))
        if rows is None:
            return None
        return [Comparison(**_typed(dict(zip(COLUMNS, row, strict=True)))) for row in rows]

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
        ConfigurationError: it is none of `QUARTERS`, or the destination only appends rows.
    """
    dialect = str(pipeline.destination.capabilities().sqlglot_dialect)
    if dialect not in QUARTERS or not can_delete(pipeline):
        name = pipeline.destination.destination_name
        raise ConfigurationError(NO_DIALECT.format(name=name))
    return dialect


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


def _listed(bot_ids: Sequence[int]) -> str:
    return ", ".join(str(int(bot_id)) for bot_id in bot_ids)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `reconciliation` with Python's types."""
    for name in ("api_value", "counted_value", "difference"):
        row[name] = None if row[name] is None else float(row[name])
    for name in ("first_seen_at", "checked_at", "healed_at"):
        row[name] = row[name] and row[name].astimezone(UTC)
    row["bot_id"], row["heal_attempts"] = int(row["bot_id"]), int(row["heal_attempts"])
    return row


def bounds_of(first_day: date, last_day: date) -> tuple[datetime, datetime]:
    """The instants between which the days lie in every zone."""
    first = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    last = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC)
    return first - timedelta(days=1), last + timedelta(days=2)
