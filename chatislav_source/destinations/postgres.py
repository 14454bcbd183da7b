"""Postgres: loads INSERT statements; comments, and indexes on the keys of a merge."""

from __future__ import annotations

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.destinations.ddl import comments, indexes

OLDEST_VERSION = 150000  # in the form of `server_version_num`; the first version with MERGE
TOO_OLD = "is Postgres {version}, but 15 or later is needed, for MERGE. Upgrade the server."
WRONG_ENCODING = (
    "has a database with the encoding {encoding}, which cannot hold every text. Create one with "
    "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and load into it."
)


def version_problem(client: SqlClient) -> str | None:
    """Why the server is too old or cannot hold every text; None if it can be used."""
    number = int((client.execute_sql("SHOW server_version_num") or [[0]])[0][0])
    if number < OLDEST_VERSION:
        return TOO_OLD.format(version=number // 10000)
    encoding = str((client.execute_sql("SHOW server_encoding") or [["UTF8"]])[0][0])
    return None if encoding == "UTF8" else WRONG_ENCODING.format(encoding=encoding)


ADAPTER = Adapter(
    file_format="insert_values",  # CSV would change empty texts to null
    catalog={"comments": comments, "indexes": indexes},
    version_problem=version_problem,
)
