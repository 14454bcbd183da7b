"""How rows are deleted: together where a destination can, and from its files where that is ours."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dlt

from chatislav_source.destinations.adapter import SqlClient


def together(client: SqlClient) -> AbstractContextManager[Any]:
    """One transaction, where the destination has them; BigQuery has them in sessions only."""
    has_transactions = client.capabilities.supports_ddl_transactions
    return client.begin_transaction() if has_transactions else nullcontext()


def write_out(pipeline: dlt.Pipeline, client: SqlClient) -> None:
    """Have DuckDB write its deletions into the file: until then it and its log have the rows."""
    if pipeline.destination.destination_type.endswith(".duckdb"):
        client.execute_sql("CHECKPOINT")
