"""Deletes the conversations that `retention_days` does not keep, after a sync.

A run says in the state first that it will delete them (`LeftOut.unnoted`), so that no later sync
takes them for lost. Conversations are deleted after all rows that belong to them: after a kill, or
where there is no transaction, the next sync finds them again and deletes what is left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo, SupportsPipeline
from dlt.extract import DltSource

from chatislav_source.config import SyncConfig
from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.defaults import SCHEMA
from chatislav_source.destinations.dlt_internals import TrackingModule, add_tracking_module
from chatislav_source.destinations.merging.rows_in_force import accepted
from chatislav_source.destinations.merging.statements import batches, marks, together
from chatislav_source.destinations.merging.strategies import require_delete
from chatislav_source.errors import ChatislavError
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import CONVERSATIONS
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.erasure.aged import IS_AGED, is_aged_record, start_of
from chatislav_source.runner.erasure.left_out import LeftOut
from chatislav_source.runner.erasure.search import (
    ABSENT,
    KEY_COLUMNS,
    RECONCILIATION,
)
from chatislav_source.runner.erasure.statements import write_out
from chatislav_source.runner.erasure.table import instant_of
from chatislav_source.runner.load_package import load
from chatislav_source.runner.redaction import asking
from chatislav_source.streams.conversations.state import expiring

logger = logging.getLogger(__name__)

NO_DELETE = (
    "Rows in {name} cannot be deleted one by one, so retention_days cannot be kept there. Leave it "
    "out, or load into a database."
)
DELETED = (
    "{conversations:,} conversations last active before {day} were deleted, with "
    "{conversations__messages:,} messages, as retention_days is {days}."
)
NOT_DELETED = "Rows older than retention_days could not be deleted; the next run tries again. %s"

SESSIONS = f"SELECT {{key}} FROM {{conversations}} WHERE bot_id = %s AND {IS_AGED}"  # noqa: S608 - no input
CONDITIONS = {
    RECONCILIATION: f"metric IN ({SESSIONS})".replace("{key}", f"CONCAT('{ABSENT}', session_id)"),
    **{
        table: f"{column} IN ({SESSIONS})".replace("{key}", column)
        for table, column in KEY_COLUMNS.items()
        if column == "session_id" and table != CONVERSATIONS.name
    },
    CONVERSATIONS.name: IS_AGED,
}
"""By table, which rows of a bot are of aged conversations; in the order of the deletions."""

NOT_COMPARABLE = "date <= %s AND status IN ('missing', 'extra', 'unproven')"
"""Rows of `reconciliation` of days that are no longer complete, so that they no longer differ."""


@dataclass(frozen=True)
class Rows:
    """Rows of one bot to delete from a table: a condition in SQL and its values."""

    table: str
    bot_id: int
    condition: str
    values: tuple[Any, ...]

    def run(self, client: SqlClient, statement: str) -> Any:
        """The result of a statement that begins so and ends with the condition on the rows."""
        conversations = client.make_qualified_table_name(CONVERSATIONS.name)
        condition = self.condition.format(conversations=conversations)
        name = client.make_qualified_table_name(self.table)
        sql = f"{statement} FROM {name} WHERE bot_id = %s AND {condition}"
        return client.execute_sql(sql, *accepted(client, (self.bot_id, *self.values)))


def require_retention(pipeline: SupportsPipeline | None, config: SyncConfig) -> None:
    """Check that rows can be deleted, if they are to be.

    Raises:
        ConfigurationError: the destination cannot delete them.
    """
    if config.kept_from is not None and pipeline is not None:
        require_delete(pipeline, NO_DELETE)


def expire(pipeline: dlt.Pipeline, config: SyncConfig, left_out: LeftOut) -> list[str]:
    """Delete the aged rows of the bots of a run; returns what to say of it.

    Raises:
        LoadFailedError: the destination refused it.
    """
    if config.kept_from is None:
        return []
    if left_out.unnoted:
        load(pipeline, noting_source(left_out.unnoted, config.kept_from))
    return delete_aged(pipeline, config, config.kept_from, left_out.aged)


def delete_aged(
    pipeline: dlt.Pipeline, config: SyncConfig, kept_from: date, bots: Iterable[int]
) -> list[str]:
    """Delete aged conversations of `bots`, and aged rejected records; returns what to say of it.

    Raises:
        LoadFailedError: the destination refused it.
    """
    with asking(pipeline) as client:
        found = {
            rows: count
            for rows in rows_of_bots(sorted(bots), kept_from)
            if (count := counted(client, rows))
        }
        records = list(aged_records(client, config, kept_from))
        if not found and not records:
            return []
        with together(client):
            for rows in [*records, *found]:
                rows.run(client, "DELETE")
        write_out(pipeline, client)
    counts = {
        name: sum(n for rows, n in found.items() if rows.table == name) for name in CONDITIONS
    }
    if not counts[CONVERSATIONS.name]:
        return []
    return [DELETED.format(day=kept_from, days=config.retention_days, **counts)]


def rows_of_bots(bots: Iterable[int], kept_from: date) -> Iterator[Rows]:
    """The rows to delete of aged conversations, in the order of the deletions."""
    start = start_of(kept_from)
    for bot_id in bots:
        yield Rows(RECONCILIATION, bot_id, NOT_COMPARABLE, (kept_from,))
        for table, condition in CONDITIONS.items():
            values = (start,) if table == CONVERSATIONS.name else (bot_id, start)
            yield Rows(table, bot_id, condition, values)


def counted(client: SqlClient, rows: Rows) -> int:
    """The number of rows; 0 if there is no such table."""
    try:
        [[count]] = rows.run(client, "SELECT COUNT(*)") or [[0]]
    except NO_TABLE:
        return 0
    return int(count)


def aged_records(client: SqlClient, config: SyncConfig, kept_from: date) -> Iterator[Rows]:
    """The aged records of the table `rejected`, of all bots of the config."""
    condition = "resource = %s AND (created_at IS NULL OR created_at < %s)"
    values = (CONVERSATIONS.name, start_of(kept_from))
    for bot_id in config.bot_ids:
        rows = Rows(REJECTED.name, bot_id, condition, values)
        try:
            records = rows.run(client, "SELECT rejected_id, raw, seen_at") or []
        except NO_TABLE:
            return
        aged = [
            (bot_id, rejected_id)
            for rejected_id, raw, seen_at in records
            if is_aged_record(raw, kept_from, config.api_zone, instant_of(seen_at))
        ]
        for _, keys in batches(aged):
            yield Rows(REJECTED.name, bot_id, f"rejected_id IN ({marks(keys)})", keys)


def noting_source(bot_ids: Iterable[int], kept_from: date) -> DltSource:
    """A dlt source without rows, whose load notes in the states that rows will be deleted."""

    @dlt.source(name=SCHEMA, section=SCHEMA)
    def chatislav() -> object:
        return dlt.resource(note, name="retention")

    def note() -> Iterator[Any]:
        resources = dlt.current.source_state().get("resources", {})
        bots = resources.get(CONVERSATIONS.name, {}).get("bots", {})
        for bot_id in map(str, bot_ids):
            if bot_id in bots:
                bots[bot_id] = expiring(bots[bot_id], kept_from)
        yield from ()

    return chatislav()


class RetentionHook(TrackingModule):
    """A tracking module, which dlt calls at every step: deletes after the load of a plain run."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[SyncConfig, LeftOut]] = {}  # by pipeline, not loaded yet

    def note(
        self, pipeline: SupportsPipeline | None, config: SyncConfig, left_out: LeftOut
    ) -> None:
        """Note that all rows of a run were read, which the pipeline loads next."""
        if config.kept_from is not None and pipeline is not None:
            self._runs[pipeline.pipeline_name] = config, left_out

    def on_start_trace(self, trace: Any, step: str, pipeline: Any) -> None:
        """Forget an earlier run of the pipeline that was not loaded."""
        del trace
        if step == "run":
            self._runs.pop(pipeline.pipeline_name, None)

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Delete aged rows, of bots whose state says so."""
        del trace, send_state
        is_loaded = isinstance(step_info, LoadInfo) and step.step_exception is None
        if not is_loaded or pipeline.pipeline_name not in self._runs:
            return
        config, left_out = self._runs.pop(pipeline.pipeline_name)
        kept_from = config.kept_from or date.min
        try:
            for text in delete_aged(pipeline, config, kept_from, left_out.aged - left_out.unnoted):
                logger.info("%s", text)
        except ChatislavError as error:  # all rows are loaded
            logger.warning(NOT_DELETED, error)


def install_retention_hook() -> None:
    """Register the hook with dlt; a repeated call has no effect."""
    add_tracking_module(HOOK)


HOOK = RetentionHook()
