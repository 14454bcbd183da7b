"""What the tables hold already, asked of the warehouse, so that unchanged rows are not written.

A row counts only if a completed load wrote it: a kill between two tables of one load leaves a new
conversation with old messages, or the reverse. It counts only if the table has it once, with as
many messages as the conversation has. Whatever else is there is written again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import date, datetime
from typing import Any

import dlt
from dlt.destinations.exceptions import (
    DatabaseException,
    DestinationConnectionError,
)

from chatislav_source.config import ZONE_MARGIN_DAYS
from chatislav_source.destinations.concurrency.doubles import remove, stored_twice
from chatislav_source.destinations.ddl import own_tables
from chatislav_source.destinations.merging.strategies import can_delete
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import Table
from chatislav_source.runner.checkpoint import NO_TABLE
from chatislav_source.runner.erasure.aged import AGED_BOTS, COUNT_WITHOUT_AGED, start_of
from chatislav_source.runner.queries.table_queries import TableQueries, Take
from chatislav_source.runner.redaction import failed_query
from chatislav_source.runner.rejected.records import StoredRecord
from chatislav_source.streams.analytics.day import StoredDays
from chatislav_source.streams.conversations.state import is_kept
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, merged
from chatislav_source.streams.state import State
from chatislav_source.streams.version_map import VersionMap

logger = logging.getLogger(__name__)

VERSIONS = """
WITH completed AS (SELECT DISTINCT load_id FROM {loads} WHERE status = 0),
stored AS (
  SELECT session_id, MAX(_version) AS version, MAX(message_count) AS messages
  FROM {conversations} LEFT JOIN completed ON load_id = _dlt_load_id
  WHERE bot_id = %s AND ({days} OR (created_at IS NULL AND last_activity IS NULL))
  GROUP BY session_id HAVING COUNT(*) = 1 AND COUNT(load_id) = 1
),
counted AS (
  SELECT m.session_id AS session_id, COUNT(*) AS messages, COUNT(load_id) AS completed
  FROM {messages} m JOIN stored s ON s.session_id = m.session_id
  LEFT JOIN completed ON load_id = m._dlt_load_id
  WHERE m.bot_id = %s GROUP BY m.session_id
)
SELECT s.session_id, s.version FROM stored s LEFT JOIN counted c ON c.session_id = s.session_id
WHERE COALESCE(c.messages, 0) = COALESCE(s.messages, c.messages, 0)
  AND COALESCE(c.messages, 0) = COALESCE(c.completed, 0) AND s.version IS NOT NULL
"""
DAYS = """
WITH completed AS (SELECT DISTINCT load_id FROM {loads} WHERE status = 0)
SELECT date, channel, timezone, MAX(CASE WHEN is_final THEN 1 ELSE 0 END), MAX(_version)
FROM {analytics} LEFT JOIN completed ON load_id = _dlt_load_id WHERE bot_id = %s
GROUP BY date, channel, timezone HAVING COUNT(*) = 1 AND COUNT(load_id) = 1
"""
PERIODS = """
WITH completed AS (SELECT DISTINCT load_id FROM {loads} WHERE status = 0)
SELECT period, start_date, channel, timezone, MAX(CASE WHEN is_final THEN 1 ELSE 0 END),
  MAX(_version)
FROM {periods} LEFT JOIN completed ON load_id = _dlt_load_id WHERE bot_id = %s
GROUP BY period, start_date, channel, timezone HAVING COUNT(*) = 1 AND COUNT(load_id) = 1
"""
REJECTED_RECORDS = """
SELECT rejected_id, MAX(_version), MIN(first_seen_at), MIN(created_at) FROM {rejected}
WHERE bot_id = %s GROUP BY rejected_id
"""
FORGOTTEN_HASHES = "SELECT kind, bot_id, value_hash FROM {forgotten}"
SETTLED = """
SELECT COUNT(*), MAX(_dlt_load_id), 0 FROM {conversations} WHERE bot_id = %s AND created_at < %s
UNION ALL
SELECT 0, NULL, COUNT(*) FROM {messages} WHERE bot_id = %s AND created_at < %s
"""
LOST_MESSAGES = """
SELECT COUNT(*) FROM (
  SELECT c.session_id FROM {conversations} c
  LEFT JOIN {messages} m ON m.bot_id = c.bot_id AND m.session_id = c.session_id
  WHERE c.bot_id = %s AND c.created_at < %s AND c.message_count IS NOT NULL
  GROUP BY c.session_id, c.message_count HAVING COUNT(m.session_id) < c.message_count
) lost
"""


STORED_TWICE = (
    "{count} conversations were stored twice, or not with all their messages, as if two runs had "
    "loaded them at once. They were removed and are read again."
)


class StoredTables:
    """Reads what the destination of a pipeline holds; nothing if there is no pipeline.

    If a load empties or drops the tables before (`is_refreshed`), only what was erased is read.
    """

    def __init__(self, pipeline: dlt.Pipeline | None, is_refreshed: bool = False) -> None:
        self.warnings: list[str] = []
        self._pipeline = None if is_refreshed else pipeline
        self._doubled: set[int] = set()  # bots of which rows were removed
        self._queries = TableQueries(pipeline) if pipeline else None

    @property
    def pipeline(self) -> dlt.Pipeline | None:
        """The pipeline whose tables are read; None if there are none."""
        return self._pipeline

    def connected(self) -> AbstractContextManager[None]:
        """Use one connection for all queries inside, before anything is loaded."""
        return nullcontext() if self._queries is None else self._queries.connected()

    def versions(self, bot_id: int, windows: Iterable[DateWindow]) -> VersionMap:
        """The versions of all conversations that were created or active in one of the windows."""
        # the API's days may be of another zone than UTC
        days = merged(window.widened(ZONE_MARGIN_DAYS) for window in windows)
        condition, bounds = _in_any(days)
        versions = VersionMap()
        self._read(versions.update, VERSIONS, [bot_id, *bounds, bot_id], days=condition)
        return versions

    def days(self, bot_id: int) -> StoredDays:
        """The days and periods of analytics of `bot_id`; no query before the first period."""
        days = StoredDays.of(
            (_day(day), channel, zone, bool(is_final), version)
            for day, channel, zone, is_final, version in self._rows(DAYS, [bot_id]) or ()
        )
        if self._pipeline is None or not has_table(self._pipeline, ANALYTICS_PERIODS):
            return days
        return days.with_periods(
            (period, _day(day), channel, zone, bool(is_final), version)
            for period, day, channel, zone, is_final, version in (
                self._rows(PERIODS, [bot_id]) or ()
            )
        )

    def rejected(self, bot_id: int) -> dict[str, StoredRecord]:
        """By id, the rejected records of `bot_id`; no query before the first one."""
        if self._pipeline is None or not has_table(self._pipeline, REJECTED):
            return {}
        return {
            rejected_id: StoredRecord(version, first_seen_at, created_at)
            for rejected_id, version, first_seen_at, created_at in (
                self._rows(REJECTED_RECORDS, [bot_id]) or ()
            )
        }

    def forgotten(self) -> list[tuple[str, int, str]]:
        """Kind, bot and hash of all that was erased; mostly, there is no such table."""
        if self._queries is None or not can_delete(self._queries.pipeline):
            return []  # files, of which nothing can be erased
        found: list[Any] = []
        try:
            self._queries.read_existing(found.extend, FORGOTTEN_HASHES, [], {})
        except NO_TABLE:
            return []
        except (DatabaseException, DestinationConnectionError) as error:
            raise failed_query(error) from None
        return [(kind, int(bot_id), value_hash) for kind, bot_id, value_hash in found]

    def aged_bots(self, kept_from: date | None) -> set[int]:
        """The bots with conversations last active before that day (UTC); none if all are kept."""
        rows = self._rows(AGED_BOTS, [start_of(kept_from)]) if kept_from else None
        return {int(bot_id) for (bot_id,) in rows or ()}

    def settled(self, bot_id: int, before: date, kept_from: date | None = None) -> State | None:
        """What the tables hold of the days before one, as `streams.conversations.state` has it.

        Without conversations last active before `kept_from`, as they will be deleted. None if one
        of the tables does not exist.
        """
        start = start_of(before)
        if kept_from is None:
            rows = self._rows(SETTLED, [bot_id, start, bot_id, start])
        else:
            kept = [bot_id, start_of(kept_from)]
            rows = self._rows(COUNT_WITHOUT_AGED, [bot_id, start, kept[1], bot_id, start, *kept])
        if rows is None:
            return None
        return {
            "before": str(before),
            "conversations": sum(conversations for conversations, _, _ in rows),
            "messages": sum(messages for _, _, messages in rows),
            "last_load": max((load_id for _, load_id, _ in rows if load_id), default=None),
        }

    def keeps(self, known: State) -> bool:
        """Whether the tables still hold the rows of settled days that earlier syncs loaded.

        Fewer messages are not lost if their conversation was loaded with fewer.
        """
        settled, bot_id = known["settled"], known["bot_id"]
        if bot_id in self._doubled:
            return False
        before = date.fromisoformat(settled["before"] if settled else known["loaded_from"])
        found = self.settled(bot_id, before)
        if found is None or settled is None:
            return found is not None
        if found["messages"] < settled["messages"]:
            ((lost,),) = self._rows(LOST_MESSAGES, [bot_id, start_of(before)]) or [(1,)]
            return lost == 0 and is_kept(settled, found)
        return is_kept(settled, found)

    def remove_doubles(
        self,
        load_ids: Sequence[str] | None = None,
        bot_ids: Sequence[int] | None = None,
        may_lack_messages: bool = False,
    ) -> set[int]:
        """Remove conversations that are stored twice; returns their bots, to be read again.

        The arguments are those of `stored_twice`. A merge into a table that has a key twice would
        leave it there twice. Where rows are appended there is nothing to remove.
        """
        if self._pipeline is None or not can_delete(self._pipeline):
            return set()
        with suppress(*NO_TABLE), self._pipeline.sql_client() as client:
            doubled = stored_twice(client, load_ids, bot_ids, may_lack_messages)
            remove(client, [(bot_id, session_id) for bot_id, session_id, _ in doubled])
            self._doubled |= {bot_id for bot_id, _, _ in doubled}
            if doubled:
                self.warnings.append(STORED_TWICE.format(count=len(doubled)))
                logger.warning("%s", self.warnings[-1])
        return self._doubled

    def _rows(self, query: str, values: Sequence[Any], **parts: str) -> list[Any] | None:
        """The rows of a query; None if a table does not exist: the next load then creates it."""
        rows: list[Any] = []
        return rows if self._read(rows.extend, query, values, **parts) else None

    def _read(self, take: Take, query: str, values: Sequence[Any], **parts: str) -> bool:
        if self._pipeline is None or self._queries is None:
            return True
        return self._queries.read(take, query, values, parts)


def has_table(pipeline: dlt.Pipeline, table: Table) -> bool:
    """Whether a load of the pipeline has made the table."""
    return any(own_tables(pipeline, name, [table.name]) for name in pipeline.schema_names)


def _day(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value  # SQLite has no dates


def _in_any(windows: Sequence[DateWindow]) -> tuple[str, list[datetime]]:
    """The SQL condition that a row was created or active in a window, and its values."""
    conditions, values = [], []
    for window in windows:
        for column in ("created_at", "last_activity"):
            conditions.append(f"{column} >= %s")
            values.append(start_of(window.first_day))
            if window.last_day:
                conditions[-1] = f"({conditions[-1]} AND {column} < %s)"
                values.append(start_of(window.last_day + ONE_DAY))
    return " OR ".join(conditions) or "1 = 0", values
