"""Queries of the tables in a pipeline's destination; several of them share a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt

from chatislav_source.destinations.merging.rows_in_force import Connection
from chatislav_source.runner.checkpoint import NO_TABLE, forget_tables
from chatislav_source.runner.queries.memory import with_memory

Take = Callable[[Sequence[Any]], None]
"""Takes some rows of a query."""


class TableQueries:
    """Queries of the tables of one pipeline, which need not exist."""

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self.pipeline = pipeline
        self._kept_open: ExitStack | None = None
        self._connection: Connection | None = None  # the one that is kept open
        self._failing: set[str] = set()  # queries of tables that do not exist, while it is kept

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Use one connection for all queries inside, before anything is loaded.

        A warehouse may take a second to open one, or to say that a table does not exist.
        """
        with ExitStack() as self._kept_open:
            try:
                yield
            finally:
                self._disconnect()
                self._kept_open = None
                self._failing = set()

    def read(self, take: Take, query: str, values: Sequence[Any], parts: Mapping[str, str]) -> bool:
        """Give the rows of a query to `take`; False if a table does not exist.

        The next load then creates the table.

        Raises:
            LoadFailedError: the warehouse refuses the query; the error quotes no row.
        """
        if query in self._failing:
            return False
        try:
            with_memory(
                self.pipeline,
                lambda: self.read_existing(take, query, values, parts),
                self._disconnect,
            )
        except NO_TABLE:
            self._disconnect()  # the catalog of a DuckLake may be a file that is opened only once
            forget_tables(self.pipeline)
            if self._kept_open is not None:
                self._failing.add(query)
            return False
        return True

    def read_existing(
        self, take: Take, query: str, values: Sequence[Any], parts: Mapping[str, str]
    ) -> None:
        """Give the rows of a query to `take`; raises what dlt raises."""
        with ExitStack() as once:
            connection = self._connection
            if connection is None:
                opened: Any = self.pipeline.sql_client()
                client = (self._kept_open or once).enter_context(opened)
                connection = Connection.of(self.pipeline, client)
            self._connection = connection if self._kept_open is not None else None
            for rows in connection.rows(query, values, parts):
                take(rows)

    def _disconnect(self) -> None:
        if self._kept_open is not None:
            self._kept_open.close()
        self._connection = None
