"""One run: its client, its worker pool, and the Arrow tables of both streams."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import dlt
import pyarrow as pa
from dlt.common.pipeline import current_pipeline
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

from chatislav_source.api.configured_client import client_of
from chatislav_source.config import SyncConfig
from chatislav_source.extract.first_request import check_key
from chatislav_source.extract.key_access import KeyAccess
from chatislav_source.extract.load_limit import IDLE_SECONDS, LoadLimit
from chatislav_source.extract.page_groups import OnPage
from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.extract.worker_pool import WorkerPool, workers_for
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, Table
from chatislav_source.runner.analytics_tables import AnalyticsTables
from chatislav_source.runner.checkpoint import is_first_load, stored_states
from chatislav_source.runner.conversations.tables import ConversationTables
from chatislav_source.runner.erasure.left_out import LeftOut
from chatislav_source.runner.history.follow import catch_up
from chatislav_source.runner.report import Reports, ResourceReport, start_notes
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.streams.analytics import state as of_analytics
from chatislav_source.streams.conversations import state as of_conversations
from chatislav_source.streams.partition import Partition
from chatislav_source.streams.state import State

logger = logging.getLogger(__name__)

Tables = ConversationTables | AnalyticsTables
TABLES_BY_STREAM: dict[str, type[Tables]] = {
    CONVERSATIONS.name: ConversationTables,
    ANALYTICS.name: AnalyticsTables,
}


FORMATS = {CONVERSATIONS.name: of_conversations.FORMAT, ANALYTICS.name: of_analytics.FORMAT}


class OpenPackage:
    """The load package that is being extracted.

    With `has_steps`, its rows may be changed between `Run` and the load.
    """

    def __init__(self, has_steps: bool = True) -> None:
        self.has_rows = False
        self.handed_out_at = time.monotonic()  # when the last table was handed out
        self._has_steps = has_steps
        self._idle_until = self.handed_out_at + IDLE_SECONDS

    def note(self, rows: pa.Table) -> None:
        """Note that a table is handed out."""
        self.handed_out_at = time.monotonic()
        self.has_rows |= rows.num_rows > 0

    @property
    def is_idle(self) -> bool:
        """Whether it should have rows before it is loaded."""
        return not self.has_rows and time.monotonic() < self._idle_until

    @property
    def load_id(self) -> str | None:
        """The id that dlt gives its rows; None if they may be changed before."""
        return None if self._has_steps else dlt.current.load_package_state()["load_id"]


class Run:
    """The objects that one run shares; `close` ends its threads, even if it is not over.

    `stored` says what the tables hold; None: those of the load package that is being extracted.

    Resource states are dicts like `{"bots": {"123": {...}}}`; they change only when the rows they
    describe are handed out, so that dlt commits both together.
    """

    def __init__(
        self,
        config: SyncConfig,
        on_page: OnPage = lambda *_: None,
        reports: Reports | None = None,
        stored: StoredTables | None = None,
    ) -> None:
        self.config = config
        self.stored = stored
        self.reports: Reports = {} if reports is None else reports
        self.open_package = OpenPackage()
        self._client = client_of(config)
        self.pool = WorkerPool(self._client, KeyAccess(), workers_for(config.max_concurrency))
        self._on_page = on_page
        self.tables: dict[str, Tables] = {}
        self._cut: set[str] = set()
        self._sent: dict[tuple[str, int], int] = {}  # requests before the streams were started
        self.first_days: dict[int, str] = {}  # by bot, of the other resource too
        self._cut_by_default: set[int] = set()  # bots whose first day is the default

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and close the connections."""
        self._client.cancel()
        self.pool.close()
        self._client.close()

    def check_key(self, streams: Sequence[str]) -> None:
        """Send the first request of the run, which only finds out whether a key is accepted.

        Raises:
            AuthenticationError, ApiUnreachableError: as `extract.first_request.check_key`.
        """
        self._sent = check_key(self._client, self.config, streams)

    def start(self, stream: str, resource_state: dict[str, Any]) -> None:
        """Start fetching a stream from its stored state; nothing if it was started before."""
        if stream in self.tables:
            return
        self.stored = self.stored or stored_tables()
        tables = TABLES_BY_STREAM[stream](self.config, self.stored, self.reports)
        if self.config.history and self.stored.pipeline:
            catch_up(self.stored.pipeline, stream, self.config.bot_ids)
        states = stored_states(resource_state, self.config.bot_ids)
        if stream == CONVERSATIONS.name:
            unknown = [bot_id for bot_id, state in states.items() if _may_have_doubles(state)]
            if unknown:
                self.stored.remove_doubles(bot_ids=unknown)
        if not self.config.is_backfill:
            states = self._with_first_days(stream, states)
        if not self.config.start_date_given:
            first_day = str(self.config.start_date)
            self._cut_by_default |= {b for b, s in states.items() if is_first_load(s, first_day)}
        with self.stored.connected():
            tables.plan(states)
        # before the first response, which may already end a plan
        for bot_id, days in tables.ranges.items():
            report = self.reports.setdefault(
                (stream, bot_id), ResourceReport(bot_id, stream, *days)
            )
            report.count_requests(self._sent.pop((stream, bot_id), 0))
        tables.start(self.pool, self._count)
        self.tables[stream] = tables

    def _with_first_days(self, stream: str, states: dict[int, Any]) -> dict[int, Any]:
        """The states; that of a bot that only the other resource has loaded has its first day."""
        fresh = FORMATS[stream].fresh
        new = {
            bot_id: {**fresh(bot_id, self.config.base_url), "loaded_from": day}
            for bot_id, day in self.first_days.items()
            if bot_id in states and states[bot_id] is None
        }
        return states | new

    def _count(self, stream: str, page: AnyPage) -> None:
        self.reports[stream, page.bot_id].count(page)
        self._on_page(stream, page)

    def package(
        self, stream: str, resource_state: dict[str, Any], limit: LoadLimit | None
    ) -> Iterator[tuple[Table, pa.Table]]:
        """The tables of one load package, each with its rows; all rows if there is no limit.

        Before a table is handed out, `resource_state` is updated to describe its rows. A package
        goes on until it has rows, up to `IDLE_SECONDS`.
        """
        self.start(stream, resource_state)
        package = self.open_package
        may_wait = stream != ANALYTICS.name or self._is_over(CONVERSATIONS.name)
        if limit and not may_wait:
            limit = limit.without_waiting(time.monotonic())  # the rest is in the next package
        elif limit and not package.has_rows:
            limit = limit.restarted(time.monotonic())
        while True:
            for table, rows in self._tables_of(stream, resource_state, limit):
                package.note(rows)
                yield table, rows
            goes_on = may_wait and package.is_idle and not self._is_over(stream)
            if limit is None or limit.is_eager or not goes_on:
                return
            limit = limit.restarted(package.handed_out_at)

    def _tables_of(
        self, stream: str, resource_state: dict[str, Any], limit: LoadLimit | None
    ) -> Iterator[tuple[Table, pa.Table]]:
        tables = self.tables[stream]
        if isinstance(tables, ConversationTables):
            return tables.package(resource_state, limit, self.open_package.load_id)
        return tables.package(resource_state, limit)

    def cut(self, stream: str) -> None:
        """Take no more rows of a stream; its state has not moved past those that were loaded."""
        self._cut.add(stream)

    def is_cut(self, stream: str) -> bool:
        """Whether no more rows of a stream are taken."""
        return stream in self._cut

    def _is_over(self, stream: str) -> bool:
        return self.is_cut(stream) or stream not in self.tables or self.tables[stream].is_over

    @property
    def is_over(self) -> bool:
        """Whether all rows of every started stream were handed out, or it was cut."""
        return all(self._is_over(stream) for stream in self.tables)

    @property
    def interrupted_before(self) -> list[int]:
        """Bots whose interrupted sync was completed by this run."""
        tables = self.tables.get(CONVERSATIONS.name)
        return tables.interrupted_before if isinstance(tables, ConversationTables) else []

    @property
    def left_out(self) -> LeftOut:
        """What was left out of the conversations."""
        tables = self.tables.get(CONVERSATIONS.name)
        return tables.left_out if isinstance(tables, ConversationTables) else LeftOut(None)

    def finish(self) -> BaseException | None:
        """Complete the reports; returns the error that ended the whole run, or None."""
        fatal = self.pool.fatal or self.pool.access.explain_refusals(self.partitions)
        for warning in self._rejected_warnings:
            logger.warning("%s", warning)
        for stream, tables in self.tables.items():
            for bot_id, count in tables.rejected.counts().items():
                self.reports[stream, bot_id].rejected = count
            for bot_id, count in tables.unchanged.items():
                self.reports[stream, bot_id].unchanged += count
            for partition in tables.partitions:
                report = self.reports[stream, partition.bot_id]
                report.end(partition.done, partition.error, partition.state)
        return fatal

    @property
    def partitions(self) -> list[Partition[Any, Any]]:
        """The partitions of all streams that were started."""
        return [part for tables in self.tables.values() for part in tables.partitions]

    @property
    def notes(self) -> list[str]:
        """What the defaults and `retention_days` decided."""
        return start_notes(self.config, sorted(self._cut_by_default), self.tables)

    @property
    def warnings(self) -> list[str]:
        """The warnings of all partitions, and of records that cannot be loaded."""
        of_partitions = [warning for part in self.partitions for warning in part.warnings]
        of_tables = self.stored.warnings if self.stored else []
        return of_partitions + self._rejected_warnings + of_tables

    @property
    def _rejected_warnings(self) -> list[str]:
        return [text for tables in self.tables.values() for text in tables.rejected.warnings()]


def stored_tables() -> StoredTables:
    """What the tables hold into which the package that is being extracted will be loaded.

    Nothing where a caller only iterates; if the load drops or empties the tables before, only what
    was erased.
    """
    try:
        state = dlt.current.load_package_state()["state"]
    except CurrentLoadPackageStateNotAvailable:
        return StoredTables(None)
    is_refreshed = state.get("dropped_tables") or state.get("truncated_tables")
    return StoredTables(cast(dlt.Pipeline | None, current_pipeline()), bool(is_refreshed))


def _may_have_doubles(state: State | None) -> bool:
    """Whether rows of a bot may be of another pipeline, or of an older version without locks."""
    return (
        not isinstance(state, dict) or state.get("version") != FORMATS[CONVERSATIONS.name].version
    )
