"""A DuckDB file that stays open from one statement to the next."""

from __future__ import annotations

import dlt

from chatislav_source.destinations.adapter import SqlClient, is_duckdb_file


class KeptOpen:
    """Keeps the file of a pipeline open, as opening it takes longer than most statements.

    dlt opens and closes the file for each job. While it is open no other process can open it.
    """

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self._pipeline = pipeline
        self._client: SqlClient | None = None

    @property
    def client(self) -> SqlClient:
        """The open database."""
        if self._client is None:
            client = self._pipeline.sql_client()
            client.open_connection()
            self._client = client
        return self._client

    def open(self) -> None:
        """Open the file; nothing if the destination is not a DuckDB file.

        Raises:
            DatabaseException, DestinationConnectionError: it cannot be opened.
        """
        if is_duckdb_file(self._pipeline):
            _ = self.client

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._client is not None:
            self._client.close_connection()
            self._client = None
