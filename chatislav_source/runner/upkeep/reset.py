"""Forgets bots: their rows and their state, so that the next sync reads them anew.

The rows go first. After a kill in between the state says more than the tables hold, which a sync
finds and repairs, and a second reset ends what the first began.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import dlt
from dlt.extract import DltSource

from chatislav_source.destinations.concurrency.bot_locks import bot_locks
from chatislav_source.destinations.defaults import SCHEMA, own_defaults
from chatislav_source.destinations.merging.statements import marks
from chatislav_source.destinations.merging.strategies import require_delete
from chatislav_source.records.history.table import ANALYTICS_HISTORY, OF_ONE_CONVERSATION
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, Table
from chatislav_source.runner.checkpoint import NO_TABLE, keep_to_destination
from chatislav_source.runner.job import alone
from chatislav_source.runner.load_package import load
from chatislav_source.runner.redaction import asking

TABLES_OF: dict[str, tuple[Table, ...]] = {
    CONVERSATIONS.name: (REJECTED, *OF_ONE_CONVERSATION),
    ANALYTICS.name: (ANALYTICS_PERIODS, ANALYTICS_HISTORY, ANALYTICS),
}
"""By stream, its tables, in the order in which their rows are deleted."""

NO_DELETE = (
    "Rows in {name} cannot be deleted one by one, so nothing was deleted. To read everything anew, "
    "delete the dataset there and sync again."
)


def reset(pipeline: dlt.Pipeline, bot_ids: Sequence[int], streams: Sequence[str]) -> None:
    """Delete the rows of these bots from the tables of these streams, and then their states.

    Raises:
        ConfigurationError: the destination cannot delete rows.
        PipelineLockedError: another process runs this pipeline or loads one of the bots.
        LoadFailedError: the destination refused it; what was deleted stays deleted.
    """
    require_delete(pipeline, NO_DELETE)
    own_defaults().claim(pipeline)
    with alone(pipeline), bot_locks(pipeline, bot_ids):
        keep_to_destination(pipeline)
        for stream in streams:
            for table in TABLES_OF[stream]:
                delete_rows(pipeline, table, bot_ids)
        load(pipeline, without_states(bot_ids, streams))


def delete_rows(pipeline: dlt.Pipeline, table: Table, bot_ids: Sequence[int]) -> None:
    """Delete the rows of bots from a table, if there is one.

    Raises:
        LoadFailedError: the destination refused it.
    """
    with asking(pipeline) as client, suppress(*NO_TABLE):
        name = client.make_qualified_table_name(table.name)
        client.execute_sql(f"DELETE FROM {name} WHERE bot_id IN ({marks(bot_ids)})", *bot_ids)  # noqa: S608 - no input


def without_states(bot_ids: Sequence[int], streams: Sequence[str]) -> DltSource:
    """A dlt source without rows, whose load removes the states of bots."""

    @dlt.source(name=SCHEMA, section=SCHEMA)
    def chatislav() -> object:
        return dlt.resource(forget, name="reset")

    def forget() -> Iterator[Any]:
        resources = dlt.current.source_state().get("resources", {})
        for stream in streams:
            for bot_id in bot_ids:
                resources.get(stream, {}).get("bots", {}).pop(str(bot_id), None)
        yield from ()

    return chatislav()
