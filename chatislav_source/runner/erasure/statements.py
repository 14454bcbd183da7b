"""How deleted rows are taken out of the file of a DuckDB database."""

from __future__ import annotations

import dlt

from chatislav_source.destinations.adapter import SqlClient, is_duckdb_file


def write_out(pipeline: dlt.Pipeline, client: SqlClient) -> None:
    """Have DuckDB write its deletions into the file: until then it and its log have the rows."""
    if is_duckdb_file(pipeline):
        client.execute_sql("CHECKPOINT")
