"""Repeats what DuckDB lacked memory for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import dlt
from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError

from chatislav_source.destinations.duckdb import is_out_of_memory, raise_memory_limit
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.redaction import failed_query

T = TypeVar("T")


def with_memory(
    pipeline: dlt.Pipeline, attempt: Callable[[], T], disconnect: Callable[[], None] = lambda: None
) -> T:
    """What an attempt returns; if DuckDB lacks memory, what a second one with more does.

    A connection has the limit of when it was opened, so `disconnect` closes those that are open.

    Raises:
        LoadFailedError: the warehouse refused it; the error quotes no row.
        DatabaseUndefinedRelation, DestinationUndefinedEntity: a table does not exist.
    """
    try:
        return attempt()
    except NO_TABLE:
        raise
    except (DatabaseException, DestinationConnectionError) as error:
        if not is_out_of_memory(str(error)):
            raise failed_query(error) from None
    disconnect()
    raise_memory_limit(pipeline)
    try:
        return attempt()
    except (DatabaseException, DestinationConnectionError) as error:
        raise failed_query(error) from None
