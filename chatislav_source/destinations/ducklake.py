"""DuckLake: loads parquet; many writers, if the catalog is a server.

Locks are taken in the catalog, where it is Postgres or a local file: each row that is written into
the lake itself makes a snapshot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.destinations.concurrency.advisory_locks import AdvisoryLocks
from chatislav_source.destinations.concurrency.file_locks import FileLocks
from chatislav_source.destinations.concurrency.leases import Leases
from chatislav_source.destinations.concurrency.lock import BotLocks, Owner
from chatislav_source.destinations.ddl import comments
from chatislav_source.destinations.dlt_internals import SqlJobClientBase, postgres_client
from chatislav_source.destinations.pipe.parquet import PARQUET

OF_POSTGRES = ("postgres", "postgresql")
OF_FILES = ("duckdb", "sqlite")


def _locks(client: SqlJobClientBase, owner: Owner) -> BotLocks:
    credentials: Any = client.config.credentials
    catalog = credentials.catalog
    if catalog.drivername in OF_FILES:
        return FileLocks(client, owner, Path(catalog.database).absolute())
    if catalog.drivername in OF_POSTGRES:
        return AdvisoryLocks(_catalog_client(client), owner)
    return Leases(client, owner)


def _catalog_client(client: SqlJobClientBase) -> SqlJobClientBase:
    """A client of the Postgres database that has the catalog."""
    credentials: Any = client.config.credentials
    url = credentials.catalog.to_url().set(drivername="postgresql")
    schema = credentials.metadata_schema or credentials.ducklake_name
    name = f"{schema}.{client.sql_client.dataset_name}"
    return postgres_client(url.render_as_string(hide_password=False), name, client.schema)


ADAPTER = Adapter(file_format=PARQUET, catalog={"comments": comments}, locks=_locks)
