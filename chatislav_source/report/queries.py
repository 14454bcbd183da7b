"""The queries of a report, on the models. Pure: they are the same SQL in every warehouse."""

from __future__ import annotations

from collections.abc import Sequence

from chatislav_source.report.definitions import Value
from chatislav_source.report.spans import Span, around, in_families, index_sql

PERSON = "COALESCE(contact_key, conversation_key)"
"""Whoever has no known contact counts as a person for each conversation."""

LEAST_PEOPLE = 5
"""A group of fewer people is folded into another, or not shown."""

GROUPS = {
    "conversations": "conversation_key IS NOT NULL",
    "decided_conversations": "resolution_status IN ('resolved', 'unresolved')",
    "rated_conversations": "helpful IS NOT NULL",
    "conversations_with_sentiment": "sentiment IS NOT NULL",
}
"""Which conversations a denominator counts; their people decide whether a rate is shown."""

BOTS = "SELECT bot_id, first_day, last_day, conversations FROM chatislav__freshness ORDER BY bot_id"
NEWEST_ANALYTICS_DAY = "SELECT MAX(day) FROM stg_chatislav__analytics WHERE channel = 'all'"
MOST_WORDS = 60

DAY_COUNTS = "int_chatislav__day_counts"
"""Those counts of `chatislav__daily` that need no message, and so a tenth of the time."""

ABANDONED = (
    "(SELECT day, channel, 1 AS conversations, is_abandoned AS abandoned_conversations "
    "FROM chatislav__conversations each_one) counted"
)
"""What `chatislav__daily` says of abandoned conversations, without its turns."""

MEASURED = {
    "chatislav__conversations": (
        "stg_chatislav__conversations INNER JOIN int_chatislav__conversation_messages "
        "USING (bot_id, session_id, day)"
    )
}
"""By model, what has its seconds without the other columns, which take longer."""


def sums(
    values: Sequence[Value], span: Span, keys: str, model: str | None = None
) -> tuple[str, list[str]]:
    """The sums that the values of one model need, by `keys`; with the expressions, in order.

    `model` is a relation that has the same columns; None is the model of the values.
    """
    parts = [part for value in values for part in (value.numerator, value.denominator) if part]
    expressions = list(dict.fromkeys(parts))
    where = " AND ".join(filter(None, [span.sql, values[0].where]))
    query = (
        f"SELECT {keys}, {', '.join(expressions)} FROM {model or values[0].model} "  # noqa: S608 - no input
        f"WHERE {where} GROUP BY {keys}"
    )
    return query, expressions


def people_by_span(families: Sequence[Sequence[Span]]) -> str:
    """By the number of a span: the people of each of `GROUPS`, and all conversations."""
    columns = "conversation_key, resolution_status, helpful, sentiment"
    return _people(
        "span",
        f"SELECT {index_sql(families)} AS span, person, {columns} FROM ("  # noqa: S608 - no input
        f"SELECT day, {PERSON} AS person, {columns} FROM stg_chatislav__conversations "
        f"WHERE {around(families).sql}) found CROSS JOIN ({in_families(families)}) families",
    )


def people_by_channel(span: Span) -> str:
    """By channel: the people of each of `GROUPS`, and all conversations."""
    return _people(
        "channel",
        "SELECT channel, conversation_key, resolution_status, helpful, sentiment, "  # noqa: S608 - no input
        f"{PERSON} AS person FROM stg_chatislav__conversations WHERE {span.sql}",
    )


def people_by_step(steps: Sequence[Span], keys: str) -> str:
    """By `keys`, `span` or also `channel`: people. The span is the number of a step."""
    return (
        f"SELECT {keys}, COUNT(DISTINCT person) FROM ("  # noqa: S608 - no input
        f"SELECT {index_sql([steps])} AS span, channel, person FROM ("
        f"SELECT 0 AS family, day, channel, {PERSON} AS person FROM stg_chatislav__conversations "
        f"WHERE {around([steps]).sql}) found) numbered GROUP BY {keys}"
    )


def percentiles(value: Value, families: Sequence[Sequence[Span]]) -> str:
    """By the number of a span: the percentiles times 100, the number of values, and the people.

    They are interpolated in whole numbers, as the models do, so that each warehouse gives the
    same digits.
    """
    weighted = ", ".join(
        f"SUM(measured * GREATEST(0, 100 - ABS(100 * (place - 1) - {percent} * (number - 1))))"
        for percent in value.percentiles
    )
    return (
        f"SELECT span, {weighted}, MAX(number), COUNT(DISTINCT person) FROM ("  # noqa: S608 - no input
        "SELECT span, person, measured, ROW_NUMBER() OVER (PARTITION BY span ORDER BY measured) "
        "AS place, COUNT(*) OVER (PARTITION BY span) AS number FROM ("
        f"SELECT {index_sql(families)} AS span, person, measured FROM ("
        f"SELECT day, {PERSON} AS person, {value.column} AS measured "
        f"FROM {MEASURED.get(value.model, value.model)} "
        f"WHERE {around(families).sql} AND {value.column} IS NOT NULL) found "
        f"CROSS JOIN ({in_families(families)}) families) numbered "
        "WHERE span IS NOT NULL) ranked GROUP BY span"
    )


def hours(span: Span, hours_together: int) -> str:
    """By weekday (1 is Monday) and first hour of a few together: conversations and people."""
    blocks = range(0, 24, hours_together)
    cases = " ".join(f"WHEN hour < {first + hours_together} THEN {first}" for first in blocks)
    return (
        f"SELECT weekday, block, COUNT(*), COUNT(DISTINCT {PERSON}) FROM ("  # noqa: S608 - no input
        f"SELECT day, contact_key, conversation_key, CASE {cases} END AS block FROM ("
        "SELECT day, contact_key, conversation_key, EXTRACT(HOUR FROM started_local) AS hour "
        f"FROM stg_chatislav__conversations WHERE {span.sql}) timed) blocked INNER JOIN "
        f"(SELECT DISTINCT day AS each_day, weekday FROM chatislav__hours WHERE {span.sql}) known "
        "ON blocked.day = known.each_day GROUP BY weekday, block"
    )


def words(before: Span, now: Span, total_before: int, total_now: int) -> str:
    """Words by how much their share of conversations grew: word, conversations before and now.

    People do not add up over weeks and bots, so those of one week and bot have to be enough.
    """
    return (
        "SELECT word, earlier, later FROM (SELECT word, "  # noqa: S608 - no input
        f"SUM(CASE WHEN week < DATE '{now.first}' THEN conversations ELSE 0 END) AS earlier, "
        f"SUM(CASE WHEN week >= DATE '{now.first}' THEN conversations ELSE 0 END) AS later, "
        f"MAX(CASE WHEN week >= DATE '{now.first}' THEN day_people ELSE 0 END) AS people "
        "FROM chatislav__words WHERE "
        f"week BETWEEN DATE '{before.first}' AND DATE '{now.last}' GROUP BY word) counted "
        f"WHERE people >= {LEAST_PEOPLE} AND later * {total_before} > earlier * {total_now} "
        f"ORDER BY later * {total_before} - earlier * {total_now} DESC, word LIMIT {MOST_WORDS}"
    )


def verified(span: Span) -> str:
    """By bot, day and status of `reconciliation`: attempts to heal it, and the newest check."""
    return (
        "SELECT bot_id, day, status, MAX(heal_attempts), MAX(checked_at) "  # noqa: S608 - no input
        f"FROM chatislav__reconciliation WHERE {span.sql} GROUP BY bot_id, day, status"
    )


def _people(key: str, rows: str) -> str:
    """Counts people once each, which takes half as long as to count distinct ones by group."""
    groups = {f"in_{place}": condition for place, condition in enumerate(GROUPS.values())}
    flags = (f"MAX(CASE WHEN {each} THEN 1 ELSE 0 END) AS {name}" for name, each in groups.items())
    return (
        f"SELECT {key}, {', '.join(f'SUM({name})' for name in groups)}, SUM(conversations) "  # noqa: S608 - no input
        f"FROM (SELECT {key}, person, COUNT(*) AS conversations, {', '.join(flags)} "
        f"FROM ({rows}) numbered GROUP BY {key}, person) people "
        f"WHERE {key} IS NOT NULL GROUP BY {key}"
    )
