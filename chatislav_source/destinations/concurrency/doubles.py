"""Conversations that are stored twice, or not with their messages, and their removal.

Locks and unique keys prevent them. An older version, a run that lost its lock within a load, or a
destination without either can still leave them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.merging.statements import batches, marks, together
from chatislav_source.records.schema import CONVERSATIONS, LOAD_ID, MESSAGES

Key = tuple[int, str]
"""Bot and session."""


# `message_count` is null if the messages are unknown; they must then have different places.
STORED_TWICE = """
WITH loaded AS (SELECT DISTINCT bot_id, session_id FROM {conversations} {where}),
stored AS (
    SELECT c.bot_id, c.session_id, MIN(c.created_at) AS created_at, COUNT(*) AS copies,
        MAX(c.message_count) AS wanted
    FROM loaded k JOIN {conversations} c ON c.bot_id = k.bot_id AND c.session_id = k.session_id
    GROUP BY c.bot_id, c.session_id
),
counted AS (
    SELECT m.bot_id, m.session_id, COUNT(*) AS found, COUNT(DISTINCT m.message_index) AS places
    FROM loaded k JOIN {messages} m ON m.bot_id = k.bot_id AND m.session_id = k.session_id
    GROUP BY m.bot_id, m.session_id
)
SELECT s.bot_id, s.session_id, s.created_at
FROM stored s LEFT JOIN counted m ON m.bot_id = s.bot_id AND m.session_id = s.session_id
WHERE s.copies > 1 OR COALESCE(m.found, 0) {differs} COALESCE(s.wanted, m.places, 0)
    OR m.found <> m.places
"""


def stored_twice(
    client: SqlClient,
    load_ids: Sequence[str] | None = None,
    bot_ids: Sequence[int] | None = None,
    may_lack_messages: bool = False,
) -> list[tuple[int, str, datetime | None]]:
    """The conversations whose row is stored twice, or whose messages are not `message_count`.

    `load_ids` limits them to those that these loads wrote, `bot_ids` to those of these bots; None
    is all. With `may_lack_messages` a conversation may have fewer, as steps of the user may leave
    messages out. Returns bot, session and `created_at`, which is null if the API did not send it.
    """
    limits = [(LOAD_ID.name, load_ids), ("bot_id", bot_ids)]
    given = [(column, values) for column, values in limits if values is not None]
    if not all(values for _, values in given):
        return []
    conditions = [f"{column} IN ({marks(values)})" for column, values in given]
    sql = STORED_TWICE.format(
        conversations=client.make_qualified_table_name(CONVERSATIONS.name),
        messages=client.make_qualified_table_name(MESSAGES.name),
        where=f"WHERE {' AND '.join(conditions)}" if conditions else "",
        differs=">" if may_lack_messages else "<>",
    )
    wanted = [value for _, values in given for value in values]
    return [tuple(row) for row in client.execute_sql(sql, *wanted) or []]


def remove(client: SqlClient, keys: Iterable[Key]) -> None:
    """Delete the rows of conversations and of their messages, so that they are read again.

    All in one transaction. In BigQuery there is none outside of a session, so the messages are
    deleted first: if the rest is not, `stored_twice` finds a conversation without its messages.
    """
    with together(client):
        for bot_id, sessions in batches(keys):
            for table in (MESSAGES, CONVERSATIONS):
                name = client.make_qualified_table_name(table.name)
                client.execute_sql(
                    f"DELETE FROM {name} WHERE bot_id = %s AND session_id IN ({marks(sessions)})",  # noqa: S608 - no input
                    bot_id,
                    *sessions,
                )
