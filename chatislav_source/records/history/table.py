"""The schemas of the tables of versions, which are made if a sync keeps the history.

They have no columns with personal data, but the session id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chatislav_source.records.schema import (
    ANALYTICS,
    CONVERSATIONS,
    LOAD_ID,
    MESSAGES,
    Column,
    Table,
)

VALID_FROM = Column(
    "valid_from", "timestamp", "When this version was first read, UTC, included.", key=True
)
VALID_TO = Column(
    "valid_to",
    "timestamp",
    "When the next version was first read, UTC, not included. Null: this is the newest one.",
)


@dataclass(frozen=True)
class History:
    """A table with every version of the rows of the table `of`.

    A new version begins when one of the `tracked` columns has another value.
    """

    table: Table
    of: Table
    tracked: tuple[Column, ...]


def _history(of: Table, description: str, fixed: Iterable[str], tracked: Iterable[str]) -> History:
    """The history of a table; `fixed` are columns that are only copied."""
    columns = {column.name: column for column in of.columns}
    followed = tuple(columns[name] for name in tracked)
    keys = (columns[name] for name in of.keys)
    copied = (columns[name] for name in fixed)
    table = Table(
        f"{of.name}__history",
        description,
        (*keys, VALID_FROM, VALID_TO, *copied, *followed, LOAD_ID),
    )
    return History(table, of, followed)


OF_CONVERSATIONS = _history(
    CONVERSATIONS,
    "Every version of a conversation's status that a sync has read.",
    fixed=("created_at", "channel"),
    tracked=(
        "last_activity",
        "message_count",
        "resolution_status",
        "human_takeover",
        "helpful",
        "summary__sentiment",
        "summary__resolution_status",
    ),
)
METRIC_GROUPS = ("conversations__", "resolutions__", "usage__")
OF_ANALYTICS = _history(
    ANALYTICS,
    "Every version of the totals of a day that a sync has read.",
    fixed=(),
    tracked=(
        *(column.name for column in ANALYTICS.columns if column.name.startswith(METRIC_GROUPS)),
        "voice",
    ),
)

CONVERSATIONS_HISTORY, ANALYTICS_HISTORY = OF_CONVERSATIONS.table, OF_ANALYTICS.table
HISTORIES = {history.of.name: history for history in (OF_CONVERSATIONS, OF_ANALYTICS)}
"""By the name of the table whose versions they have."""

HISTORY_TABLES = (CONVERSATIONS_HISTORY, ANALYTICS_HISTORY)

OF_ONE_CONVERSATION = (MESSAGES, CONVERSATIONS_HISTORY, CONVERSATIONS)
"""The tables with a `session_id`, in the order in which the rows of a conversation are deleted: its
own row is the last one, as all others are found by it."""
