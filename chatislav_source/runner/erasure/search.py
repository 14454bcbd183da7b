"""Finds the rows of a person or a conversation in a warehouse; reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dlt.destinations.exceptions import DatabaseException

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.merging.statements import batches, marks
from chatislav_source.privacy.erasure import Erased
from chatislav_source.records.history.table import OF_ONE_CONVERSATION
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.erasure.left_out import COLUMN_OF, DOCUMENTS, is_person, is_raw
from chatislav_source.runner.erasure.table import instant_of

Session = tuple[int, str]
"""Bot and session id."""

Key = tuple[int, str]
"""Bot and the value of the column that tells rows of one bot apart."""

ROWS_AT_ONCE = 10_000
RECONCILIATION = "reconciliation"
ABSENT = "absent__"  # begins the metric of a row of `reconciliation` about one conversation

KEY_COLUMNS = {
    **{table.name: "session_id" for table in OF_ONE_CONVERSATION},
    REJECTED.name: "rejected_id",
    RECONCILIATION: "metric",
}
"""By table with rows of persons, the column of its keys; in the order in which rows are deleted,
so that a conversation is found again until all else is deleted."""


@dataclass
class Found:
    """Conversations, with their first and last day (UTC), and the keys of rejected records."""

    sessions: dict[Session, tuple[date | None, date | None]] = field(default_factory=dict)
    rejected: dict[Key, str | None] = field(default_factory=dict)  # with the session id, if known

    def add(self, other: Found) -> None:
        """Add what was found elsewhere."""
        for session, days in other.sessions.items():
            known = self.sessions.get(session, (None, None))
            self.sessions[session] = (known[0] or days[0], known[1] or days[1])
        self.rejected |= other.rejected

    def keys(self, table: str) -> list[Key]:
        """The keys of the rows to delete from a table."""
        if table == REJECTED.name:
            return sorted(self.rejected)
        if table == RECONCILIATION:
            return sorted((bot_id, f"{ABSENT}{session}") for bot_id, session in self.sessions)
        return sorted(self.sessions)


@dataclass(frozen=True)
class Rows:
    """The number of rows in a table of a dataset with some keys of one bot."""

    dataset: str
    table: str
    bot_id: int
    keys: tuple[str, ...] = field(repr=False)
    count: int


def datasets(client: SqlClient) -> list[str]:
    """The dataset of a client, and the staging datasets that belong to it.

    Another dataset of a similar name has loads of its own.
    """
    own = client.dataset_name
    try:
        rows = client.execute_sql("SELECT schema_name FROM information_schema.schemata") or []
    except DatabaseException:  # such as of SQLite
        rows = [(client.staging_dataset_name,)]
    prefix = f"{own}_staging".lower()
    others = sorted({name for (name,) in rows if name.lower().startswith(prefix)})
    return [own, *(name for name in others if _query(client, name, "_dlt_loads", "1") is None)]


def find(client: SqlClient, dataset: str, erased: Erased) -> Found:
    """The conversations and rejected records in a dataset that `erased` recognises."""
    found = Found()
    columns = ("bot_id", "session_id", "created_at", "last_activity")
    values = (*COLUMN_OF.values(), *DOCUMENTS)
    for row in _query(client, dataset, CONVERSATIONS.name, ", ".join(columns + values)) or ():
        (bot_id, session_id, created_at, last_activity), rest = row[:4], row[4:]
        contact = dict(zip(COLUMN_OF, rest, strict=False))
        documents = list(rest[len(COLUMN_OF) :])
        is_one = erased.has_session(int(bot_id), session_id)
        if is_one or (erased.kinds and is_person(erased, contact, documents)):
            times = [instant_of(each) for each in (created_at, last_activity) if each is not None]
            days = [each.date() for each in times]
            session = (int(bot_id), session_id)
            found.sessions[session] = (min(days, default=None), max(days, default=None))
    query = _query(client, dataset, REJECTED.name, "bot_id, rejected_id, session_id, raw")
    for bot_id, rejected_id, session_id, raw in query or ():
        if is_raw(erased, int(bot_id), session_id, raw):
            found.rejected[int(bot_id), rejected_id] = session_id
    return found


def rows_of(client: SqlClient, dataset: str, found: Found) -> Iterator[Rows]:
    """The rows to delete from the tables of a dataset, in the order in which they are deleted."""
    for table, column in KEY_COLUMNS.items():
        for bot_id, keys in batches(found.keys(table)):
            condition = f"bot_id = %s AND {column} IN ({marks(keys)})"
            counted = _query(client, dataset, table, "COUNT(*)", condition, bot_id, *keys)
            for (count,) in counted or ():
                if count:
                    yield Rows(dataset, table, bot_id, keys, int(count))


def messages_of(client: SqlClient, dataset: str, found: Found) -> dict[Session, int]:
    """By conversation, the number of its messages."""
    numbers: dict[Session, int] = {}
    for bot_id, keys in batches(found.keys(MESSAGES.name)):
        condition = f"bot_id = %s AND session_id IN ({marks(keys)}) GROUP BY session_id"
        columns = "session_id, COUNT(*)"
        counted = _query(client, dataset, MESSAGES.name, columns, condition, bot_id, *keys)
        numbers |= {(bot_id, session_id): int(count) for session_id, count in counted or ()}
    return numbers


def qualified(client: SqlClient, dataset: str, table: str) -> str:
    """The name of a table of a dataset in a statement."""
    with client.with_alternative_dataset_name(dataset):
        return client.make_qualified_table_name(table)


def exists(client: SqlClient, dataset: str, table: str) -> bool:
    """Whether a dataset has a table."""
    return _query(client, dataset, table, "1", "1 = 0") is not None


def _query(
    client: SqlClient,
    dataset: str,
    table: str,
    columns: str,
    condition: str = "1 = 1",
    *values: Any,
) -> Iterator[Sequence[Any]] | None:
    """The rows of a table of a dataset; None if there is no such table."""
    name = qualified(client, dataset, table)
    sql = f"SELECT {columns} FROM {name} WHERE {condition}"  # noqa: S608 - values are parameters
    rows = _fetched(client, sql, values)
    try:
        first = next(rows, None)
    except NO_TABLE:
        return None
    return iter(()) if first is None else _chained(first, rows)


def _chained(first: Sequence[Any], rest: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield first
    yield from rest


def _fetched(client: SqlClient, sql: str, values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    with client.execute_query(sql, *values) as cursor:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows
