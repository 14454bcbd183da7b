"""Postgres: rows as INSERT statements, comments, and indexes on the keys that a merge looks up."""

from __future__ import annotations

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.destinations.ddl import comments, indexes

OLDEST_VERSION = 150000  # as `server_version_num` has it: the first with MERGE
TOO_OLD = "is Postgres {version}, but 15 or later is needed, for MERGE. Upgrade the server."


def version_problem(client: SqlClient) -> str | None:
    """Why the server cannot be used, if it is too old."""
    number = int((client.execute_sql("SHOW server_version_num") or [[0]])[0][0])
    return TOO_OLD.format(version=number // 10000) if number < OLDEST_VERSION else None


ADAPTER = Adapter(
    file_format="insert_values",  # with CSV, empty texts would become null
    catalog={"comments": comments, "indexes": indexes},
    version_problem=version_problem,
)
