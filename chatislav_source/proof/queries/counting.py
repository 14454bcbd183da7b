"""Counts the tables by quarter-hour. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from chatislav_source.proof.counts import Bucket
from chatislav_source.proof.definitions import COUNTS, Basis
from chatislav_source.proof.queries.together import Found, Part
from chatislav_source.records.schema import GUARDRAIL_FLAGGED

QUARTERS = {
    "duckdb": "(EPOCH_US({column}) // 900000000)",
    "postgres": "CAST(FLOOR(EXTRACT(EPOCH FROM {column}) / 900) AS BIGINT)",
    "snowflake": "FLOOR(DATE_PART(EPOCH_SECOND, {column}) / 900)",
    "bigquery": "DIV(UNIX_SECONDS({column}), 900)",
}
"""By dialect, the quarter-hour of an instant; no day, as the dialects convert zones differently."""

# Rows, not `message_count`: a message that is lost or stored twice must be found.
COUNTED = """(
WITH told AS (
  SELECT bot_id, session_id, COUNT(*) AS messages,
    SUM(CASE WHEN role = 'user' THEN 1 ELSE 0 END) AS user_messages,
    SUM(CASE WHEN role = 'assistant' THEN 1 ELSE 0 END) AS assistant_messages
  FROM {messages} m WHERE {messages_of} GROUP BY bot_id, session_id
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
  WHERE {conversations_of} AND ((c.created_at >= %s AND c.created_at < %s)
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
WHERE {messages_of} AND m.created_at >= %s AND m.created_at < %s
GROUP BY m.bot_id, {sent}, c.channel
) counted"""
SUMS = (
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
"""The SQL of `COUNTS`, in the same order."""

NAMES = tuple(f"count_{name}" for name in COUNTS)


def counted_part(dialect: str, first: datetime, last: datetime, bot_ids: Sequence[int]) -> Part:
    """What the tables hold from `first` (included) to `last` (excluded), by quarter-hour.

    `bot_ids` empty means every bot.
    """
    quarter = QUARTERS[dialect]
    texts = {
        "messages_of": of_bots("m.bot_id", bot_ids),
        "conversations_of": of_bots("c.bot_id", bot_ids),
        "created": quarter.format(column="c.created_at"),
        "activity": quarter.format(column="c.last_activity"),
        "sent": quarter.format(column="m.created_at"),
        "sums": ", ".join(f"{sql} AS {name}" for sql, name in zip(SUMS, NAMES, strict=True)),
        "conversations": "{conversations}",
        "messages": "{messages}",
    }
    part = Part(
        "counted",
        COUNTED.format(**texts, flag=f"c.{GUARDRAIL_FLAGGED.name}"),
        (first, last) * 3,
        texts=("basis", "channel"),
        numbers=("quarter", *NAMES),
    )
    older = COUNTED.format(**texts, flag="CAST(NULL AS BOOLEAN)")
    return replace(part, older=replace(part, rows=older))


def of_bots(column: str, bot_ids: Sequence[int]) -> str:
    """The condition that a row is of one of the bots; of any bot if none are given."""
    return f"{column} IN ({', '.join(str(int(each)) for each in bot_ids)})" if bot_ids else "1 = 1"


def buckets_of(rows: Sequence[Found]) -> list[Bucket]:
    """The counts in rows of the part; not of conversations that have no such instant."""
    found = []
    for row in rows:
        (basis, channel), (quarter, *counts) = row.texts, row.numbers
        if quarter is not None:
            values = tuple(int(number or 0) for number in counts)
            found.append(Bucket(row.bot_id, cast(Basis, basis), int(quarter), channel, values))
    return found
