"""DuckDB credentials whose connections wait for a file that another process holds."""

from __future__ import annotations

from typing import Any

import duckdb

from chatislav_source.destinations.dlt_internals import DuckDbConnectionPool, DuckDbCredentials
from chatislav_source.destinations.duckdb_file.access import patiently
from chatislav_source.destinations.duckdb_file.limited_memory import LimitedMemory


class PatientPool(DuckDbConnectionPool):
    """Opens the file as soon as no other process holds it, within `wait_seconds`."""

    def __init__(self, credentials: DuckDbCredentials, wait_seconds: float) -> None:
        super().__init__(credentials)
        self._wait_seconds = wait_seconds

    def borrow_conn(self, *args: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        """A connection; the first one opens the file, and each begins without cached blocks."""
        connection = patiently(
            lambda: super(PatientPool, self).borrow_conn(*args, **options), self._wait_seconds
        )
        settings = self.credentials.global_config
        if isinstance(settings, LimitedMemory):
            try:
                settings.drop_cache(connection)
            except duckdb.Error:  # of a database that is broken until each connection is closed
                self.return_conn(connection)
                raise
        return connection


class PatientCredentials(DuckDbCredentials):
    """Credentials of a file, resolved, so that dlt uses this object as it is."""

    def __init__(self, path: str, wait_seconds: float, **settings: Any) -> None:
        super().__init__(path, **settings)
        self._wait_seconds = wait_seconds
        self.resolve()

    def on_resolved(self) -> None:
        """Use connections that wait."""
        super().on_resolved()
        self.conn_pool = PatientPool(self, self._wait_seconds)
