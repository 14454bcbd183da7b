"""Where the tables are, as URIs that lineage tools read: what OpenLineage calls a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def configured_address(destination: str) -> str | None:
    """The address of the warehouse in dlt's config; None if it has none, or is of another kind.

    Sends nothing to the warehouse.
    """
    import dlt  # takes half a second; not needed by those who give the address

    found = dlt.destination(destination)
    spec: Any = found.spec()
    if spec.destination_type not in ADDRESSES:
        return None
    config: Any = found.configuration(spec, accept_partial=True)
    return ADDRESSES[spec.destination_type](config) if config.credentials else None


def asset_uri(address: str, dataset: str, table: str) -> str:
    """The URI of a table; in upper case for Snowflake, which keeps the names so."""
    address = address.rstrip("/")
    if not address.startswith("snowflake://"):
        return f"{address}/{dataset}/{table}"
    account, database = address.rsplit("/", 1)
    return f"{account}/{database.upper()}/{dataset.upper()}/{table.upper()}"


def postgres(config: Any) -> str | None:
    """Host, port and database."""
    login = config.credentials
    return f"postgres://{login.host}:{login.port}/{login.database}" if login.host else None


def snowflake(config: Any) -> str | None:
    """Account and database."""
    login = config.credentials
    return f"snowflake://{login.host}/{login.database}" if login.host else None


def bigquery(config: Any) -> str | None:
    """The project."""
    project = config.project_id or config.credentials.project_id
    return f"bigquery://{project}" if project else None


def duckdb(config: Any) -> str | None:
    """The file."""
    database = config.credentials.database
    return f"file://{Path(database).absolute()}" if database else None


ADDRESSES = {
    "postgres": postgres,
    "snowflake": snowflake,
    "bigquery": bigquery,
    "duckdb": duckdb,
}
"""By type of destination: the address in its config."""
