"""Postgres: loads INSERT statements; comments, and indexes on the keys of a merge."""

from __future__ import annotations

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.destinations.concurrency.advisory_locks import AdvisoryLocks
from chatislav_source.destinations.ddl import comments
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table

OLDEST_VERSION = 150000  # in the form of `server_version_num`; the first version with MERGE
TOO_OLD = "is Postgres {version}, but 15 or later is needed, for MERGE. Upgrade the server."

# A B-tree holds no value of more than 2,704 bytes, but an id may be longer: a hash index holds any,
# and is used by merges; it cannot be unique, so another index is. md5 is immutable, as an index
# needs it. PostgreSQL 15, "Hash Indexes" and "B-Tree Indexes".
INDEXES = {
    CONVERSATIONS.name: {
        "conversations__unique_key": "UNIQUE INDEX {index} ON {table} (bot_id, md5(session_id))",
        "conversations__by_session": "INDEX {index} ON {table} USING hash (session_id)",
    },
    MESSAGES.name: {
        "conversations__messages__by_session": "INDEX {index} ON {table} USING hash (session_id)",
    },
    ANALYTICS.name: {
        "analytics__by_key": "UNIQUE INDEX {index} ON {table} (bot_id, date, channel, timezone)"
    },
}
# one row without a name if the table has no index, no row if there is no table
EXISTING = (
    "SELECT indexname FROM pg_tables LEFT JOIN pg_indexes USING (schemaname, tablename) "
    "WHERE schemaname = %s AND tablename = %s"
)
FORMER = {  # they could not hold a long id
    CONVERSATIONS.name: "conversations__by_key",
    MESSAGES.name: "conversations__messages__by_key",
}


def missing_indexes(client: SqlClient, table: Table) -> dict[str, str]:
    """The statements for the indexes that the table lacks; none if there is no table.

    The unique ones are the last protection against two runs that load the same conversation: one of
    the two loads fails, and is repeated.
    """
    found = client.execute_sql(EXISTING, client.dataset_name, table.name) or []
    existing = {name for (name,) in found}
    if not existing:
        return {}
    names = {"table": client.make_qualified_table_name(table.name)}
    statements = {
        index: "CREATE " + sql.format(index=client.escape_column_name(index), **names)
        for index, sql in INDEXES[table.name].items()
        if index not in existing
    }
    former = FORMER.get(table.name)
    if former and former in existing:
        statements[former] = f"DROP INDEX IF EXISTS {client.make_qualified_table_name(former)}"
    return statements


def version_problem(client: SqlClient) -> str | None:
    """Why the server is too old; None if it is not."""
    number = int((client.execute_sql("SHOW server_version_num") or [[0]])[0][0])
    return TOO_OLD.format(version=number // 10000) if number < OLDEST_VERSION else None


ADAPTER = Adapter(
    file_format="insert_values",  # CSV would change empty texts to null
    catalog={"comments": comments},
    indexes=missing_indexes,
    version_problem=version_problem,
    locks=AdvisoryLocks,
)
