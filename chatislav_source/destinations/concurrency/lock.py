"""What the locks of all destinations have in common: the owner, and the error that names it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError
from dlt.destinations.sql_client import SqlClientBase

from chatislav_source.errors import PipelineLockedError

TAKEN = (
    "Bot {bot_id} is being loaded into dataset {dataset} by another run ({owner}). Two runs at "
    "once could store rows twice, so this one stopped; it has loaded nothing. Wait for the other "
    "to end, and run again."
)
LOST = (
    "This run has lost its lock on the bots of dataset {dataset} ({reason}), and another run may "
    "have taken it. It stopped before its next load; what was loaded before is kept. Run again."
)


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock; `since` is UTC."""

    pipeline_name: str
    host: str
    pid: int
    since: datetime

    @classmethod
    def of_this_process(cls, pipeline_name: str) -> Owner:
        """This process, from now on."""
        return cls(pipeline_name, socket.gethostname(), os.getpid(), datetime.now(UTC))

    def __str__(self) -> str:
        return (
            f"pipeline {self.pipeline_name}, process {self.pid} on {self.host}, "
            f"since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        )


class BotLocks(Protocol):
    """The locks that one run holds in one dataset; no other process can take them meanwhile."""

    def take(self, bot_ids: Iterable[int]) -> None:
        """Lock these bots too; waits a few seconds for one that is locked.

        Raises:
            PipelineLockedError: another run has locked one of them.
        """
        ...

    def check(self) -> None:
        """Check that all locks are still held; extends those that expire.

        Raises:
            PipelineLockedError: one is not, as the connection broke or the lock expired.
        """
        ...

    def release(self) -> None:
        """Give up all locks; never fails, as a lock ends by itself."""
        ...


def database_errors(sql: SqlClientBase[Any]) -> tuple[type[Exception], ...]:
    """The errors of a statement or a connection."""
    of_client = getattr(sql.dbapi, "Error", DatabaseException)  # SQLAlchemy's client has none
    return DatabaseException, DestinationConnectionError, of_client


def taken_error(sql: SqlClientBase[Any], bot_id: int, owner: object) -> PipelineLockedError:
    """The error for a bot that another run has locked."""
    return PipelineLockedError(
        TAKEN.format(bot_id=bot_id, dataset=sql.dataset_name, owner=owner or "which is unknown")
    )


def lost_error(sql: SqlClientBase[Any], reason: str) -> PipelineLockedError:
    """The error for a lock that this run held, and has no more."""
    return PipelineLockedError(LOST.format(dataset=sql.dataset_name, reason=reason))
