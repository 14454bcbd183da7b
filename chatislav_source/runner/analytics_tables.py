"""The analytics of one run as Arrow tables, package by package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from chatislav_source.config import SyncConfig
from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.extract.page_groups import OnPage, PageGroups
from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.extract.worker_pool import WorkerPool
from chatislav_source.records.history.table import ANALYTICS_HISTORY
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.private.policy import policy_of
from chatislav_source.records.private.rows import private
from chatislav_source.records.rejected.identity import id_of_day
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import ANALYTICS, Table
from chatislav_source.records.tolerant_rows import analytics_rows
from chatislav_source.runner.checkpoint import newest_states, remember
from chatislav_source.runner.rejected.records import RejectedRecords
from chatislav_source.runner.report import Reports
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.streams.analytics.day import Day, DayRequest
from chatislav_source.streams.analytics.partition import AnalyticsPartition
from chatislav_source.streams.analytics.plan import analytics_partition
from chatislav_source.streams.state import State

STREAM = ANALYTICS.name

Pages = list[ExtractedPage[DayRequest, Day]]


class AnalyticsTables:
    """Builds the Arrow tables of analytics, and the state that lists their days."""

    _groups: PageGroups[DayRequest, Day]

    def __init__(self, config: SyncConfig, stored: StoredTables, reports: Reports) -> None:
        self.partitions: list[AnalyticsPartition] = []
        self._config = config
        self._stored = stored
        self._reports = reports
        self._policy = policy_of(config.privacy)
        self.rejected = RejectedRecords(self._policy.sealing(REJECTED))

    def plan(self, states: dict[int, State | None]) -> None:
        """Decide what to read: the days and periods that the tables lack."""
        for bot_id, state in states.items():
            days = self._stored.days(bot_id)
            self.rejected.start(bot_id, self._stored.rejected(bot_id))
            self.partitions.append(analytics_partition(state, bot_id, self._config, days))

    def start(self, pool: WorkerPool, on_page: OnPage) -> None:
        """Start fetching what was planned."""
        queue = pool.add(STREAM, self.partitions)
        self._groups = PageGroups(pool, queue, on_page)

    @property
    def is_over(self) -> bool:
        """Whether all rows were fetched and handed out."""
        return self._groups.is_over and self.rejected.is_empty

    @property
    def ranges(self) -> dict[int, tuple[str | None, str | None]]:
        """By bot, the first and last day to read, as text; no first day: all missing days."""
        first_day = str(self._config.start_date) if self._config.is_backfill else None
        return {part.bot_id: (first_day, str(part.last_day)) for part in self.partitions}

    @property
    def unchanged(self) -> dict[int, int]:
        """Empty: `_count` has counted these rows already."""
        return {}

    def package(
        self, resource_state: dict[str, Any], limit: LoadLimit | None
    ) -> Iterator[tuple[Table, pa.Table]]:
        """The rows of one load package; all rows if there is no limit."""
        self.rejected.begin_package()
        while True:
            pages = self._groups.take(limit)
            self._note(resource_state, pages)
            yield ANALYTICS, private(self._policy, ANALYTICS, _rows(ANALYTICS, pages))
            if self._config.analytics_periods:
                periods = _rows(ANALYTICS_PERIODS, pages)
                yield ANALYTICS_PERIODS, private(self._policy, ANALYTICS_PERIODS, periods)
            if self._config.history:
                yield ANALYTICS_HISTORY, ANALYTICS_HISTORY.arrow_schema.empty_table()
            yield REJECTED, private(self._policy, REJECTED, self.rejected.rows())
            if limit is not None or self.is_over:
                return

    def _note(self, resource_state: dict[str, Any], pages: Pages) -> None:
        """Store the checkpoints of `pages`, and count what they have."""
        states = newest_states(pages)
        remember(resource_state, states)
        for page in pages:
            if page.item is not None:
                self._count(page.bot_id, page.request, page.item)

    def _count(self, bot_id: int, request: DayRequest, day: Day) -> None:
        """Count a day, and note whether it can be loaded."""
        if day.rejected:
            self.rejected.note_rejected(bot_id, [day.rejected], day.read_at)
            return
        self.rejected.note_repaired(bot_id, id_of_day(request.key))
        report = self._reports[STREAM, bot_id]
        if request.table is ANALYTICS:
            report.rows += day.totals is not None
        else:
            report.periods += day.totals is not None
        report.unchanged += day.totals is None


def _rows(table: Table, pages: Pages) -> pa.Table:
    """The rows of a table in `pages` that must be written."""
    # in one call, as a column takes as long for one row as for a hundred
    found = [page.item.totals for page in pages if page.item and page.request.table is table]
    return analytics_rows([totals for totals in found if totals], table)
