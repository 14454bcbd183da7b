"""Postgres: loads INSERT statements; comments, and indexes on the keys of a merge."""

from __future__ import annotations

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.destinations.ddl import comments, indexes

OLDEST_VERSION = 150000  # in the form of `server_version_num`; the first version with MERGE
TOO_OLD = "is Postgres {version}, but 15 or later is needed, for MERGE. Upgrade the server."


def version_problem(client: SqlClient) -> str | None:
    """Why the server is too old; None if it is not."""
    number = int((client.execute_sql("SHOW server_version_num") or [[0]])[0][0])
    return TOO_OLD.format(version=number // 10000) if number < OLDEST_VERSION else None


ADAPTER = Adapter(
    file_format="insert_values",  # CSV would change empty texts to null
    catalog={"comments": comments, "indexes": indexes},
    version_problem=version_problem,
)
