"""Deletes load packages from before an erasure: a plain run of dlt would load them as they are.

A sync deletes all packages of interrupted runs. dlt loads them before anything else, also on a
machine that has not seen the erasure; the rows in them are read again.
"""

from __future__ import annotations

import logging
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError

from chatislav_source.destinations.defaults import is_ours
from chatislav_source.destinations.dlt_internals import TrackingModule, add_tracking_module
from chatislav_source.runner.checkpoint import NO_TABLE, start_over
from chatislav_source.runner.erasure.table import FORGOTTEN, instant_of

logger = logging.getLogger(__name__)

DELETED = (
    "Pipeline %s has packages of an interrupted run from before somebody was erased. They are "
    "deleted, and their rows read again."
)


class PendingPackages(TrackingModule):
    """A tracking module, which dlt calls at the start of every run of every pipeline."""

    def on_start_trace(self, trace: Any, step: str, pipeline: Any) -> None:
        """Delete the packages of a pipeline of this source that are older than an erasure."""
        del trace
        if step == "run" and is_ours(pipeline) and is_older_than_erasure(pipeline):
            logger.warning(DELETED, pipeline.pipeline_name)
            start_over(pipeline)


def is_older_than_erasure(pipeline: Any) -> bool:
    """Whether a load package waits that was begun before the newest erasure.

    Without one, nothing is asked of the destination.
    """
    waiting = pipeline.list_extracted_load_packages() + pipeline.list_normalized_load_packages()
    if not waiting:
        return False
    try:
        with pipeline.sql_client() as client:
            name = client.make_qualified_table_name(FORGOTTEN.name)
            [[newest]] = client.execute_sql(f"SELECT MAX(forgotten_at) FROM {name}") or [[None]]  # noqa: S608 - a table's name
    except NO_TABLE:
        return False
    except (DatabaseException, DestinationConnectionError):
        return False  # dlt says what is wrong, as it loads into the same destination
    # the id of a load is its time in seconds
    return newest is not None and float(min(waiting)) < instant_of(newest).timestamp()


def install_pending_hook() -> None:
    """Register the hook with dlt; a repeated call has no effect."""
    add_tracking_module(_HOOK)


_HOOK = PendingPackages()
