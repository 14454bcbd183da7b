"""The conversations of one run as Arrow tables, package by package."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa

from chatislav_source.config import SyncConfig
from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.extract.page_groups import OnPage, PageGroups
from chatislav_source.extract.worker_pool import WorkerPool
from chatislav_source.privacy.erasure import Erased
from chatislav_source.records.convert import record_batches
from chatislav_source.records.history.table import CONVERSATIONS_HISTORY
from chatislav_source.records.private.policy import policy_of
from chatislav_source.records.private.rows import private
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import CONVERSATIONS, DELETED, MESSAGES, Table
from chatislav_source.runner.checkpoint import newest_states, remember
from chatislav_source.runner.conversations import dedup
from chatislav_source.runner.conversations.change_filter import ChangeFilter, changed_rows
from chatislav_source.runner.conversations.dedup import ConversationsPage, PackageKeys
from chatislav_source.runner.conversations.settled_rows import SettledRows
from chatislav_source.runner.erasure.left_out import LeftOut
from chatislav_source.runner.rejected.records import RejectedRecords
from chatislav_source.runner.report import Reports
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.streams.conversations import state as states
from chatislav_source.streams.conversations.page import Page, PageRequest
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.conversations.plan import conversations_partition
from chatislav_source.streams.date_window import utc_text
from chatislav_source.streams.state import State

STREAM = CONVERSATIONS.name


class ConversationTables:
    """Builds the Arrow tables of conversations and messages, and the state that describes them.

    `rejected` has the records that cannot be loaded, `left_out` the conversations that were erased.
    """

    _groups: PageGroups[PageRequest, Page]

    def __init__(self, config: SyncConfig, stored: StoredTables, reports: Reports) -> None:
        self.partitions: list[ConversationsPartition] = []
        self._config = config
        self._stored = stored
        self._reports = reports
        self._filters: dict[int, ChangeFilter] = {}
        self._waiting: list[ConversationsPage] = []  # for the next package
        self._resumed: set[int] = set()
        self._settled = SettledRows()
        self._may_replace = config.is_backfill
        self._policy = policy_of(config.privacy)
        self.rejected = RejectedRecords(self._policy.sealing(REJECTED))
        self.left_out = LeftOut(None)

    def plan(self, stored: dict[int, State | None]) -> None:
        """Decide what to read: the windows that the bots' stored states have left."""
        keys = self._config.privacy.keys
        self.left_out = LeftOut(
            Erased.stored(keys, self._stored.forgotten()),
            self._config.kept_from,
            self._config.api_zone,
            self._stored.aged_bots(self._config.kept_from) & stored.keys(),
        )
        for bot_id, state in stored.items():
            rejected = self._stored.rejected(bot_id)
            self.rejected.start(bot_id, rejected)
            known = frozenset(record.version for record in rejected.values())
            partition = conversations_partition(
                state, bot_id, self._config, self._stored.keeps, known
            )
            self.partitions.append(partition)
            if self._config.kept_from and bot_id in self.left_out.aged:
                partition.state = states.expiring(partition.state, self._config.kept_from)
            windows = states.windows_left(partition.state[self._slot])
            versions = self._stored.versions(bot_id, windows)
            self._may_replace |= state is not None or bool(versions)
            self._filters[bot_id] = ChangeFilter(
                versions,
                self._config.now.date(),
                self._policy.sealing(CONVERSATIONS),
                self._config.guardrail_flags,
            )
            self._settled.start(bot_id, self._settled_before(partition.state))
            if not self._config.is_backfill and self._is_resumed(partition.state):
                self._resumed.add(bot_id)

    def _settled_before(self, state: State) -> date | None:
        """The first day that the next sync will read, whether this run is a sync or a backfill."""
        if self._config.is_backfill:
            return states.day_of(state["reread_from"])
        return states.day_of(state["progress"]["settled_before"])

    def start(self, pool: WorkerPool, on_page: OnPage) -> None:
        """Start fetching what was planned."""
        queue = pool.add(STREAM, self.partitions)
        self._groups = PageGroups(pool, queue, on_page)

    @property
    def _slot(self) -> str:
        return "backfill" if self._config.is_backfill else "progress"

    def _is_resumed(self, state: State) -> bool:
        """Whether an earlier run began the sync under way."""
        return bool(state["progress"]["started_at"] != utc_text(self._config.now))

    @property
    def ranges(self) -> dict[int, tuple[str | None, str | None]]:
        """By bot, the first and last day that are planned, as text; no last day: until now."""
        return {partition.bot_id: self._range_of(partition) for partition in self.partitions}

    def _range_of(self, partition: ConversationsPartition) -> tuple[str, str | None]:
        if self._config.is_backfill:
            return str(self._config.start_date), str(self._config.end_date)
        windows = states.windows_left(partition.state[self._slot])
        return str(min(window.first_day for window in windows)), None

    @property
    def is_over(self) -> bool:
        """Whether all rows were fetched and handed out."""
        is_handed_out = not self._waiting and self.rejected.is_empty
        return is_handed_out and self._groups.is_over

    @property
    def interrupted_before(self) -> list[int]:
        """Bots whose interrupted sync was completed by this run."""
        done = [partition.bot_id for partition in self.partitions if partition.done]
        return [bot_id for bot_id in done if bot_id in self._resumed]

    @property
    def unchanged(self) -> dict[int, int]:
        """By bot, the number of conversations left out because the tables hold them."""
        return {bot_id: each.unchanged for bot_id, each in self._filters.items()}

    def package(
        self, resource_state: dict[str, Any], limit: LoadLimit | None, load_id: str | None = None
    ) -> Iterator[tuple[Table, pa.Table]]:
        """The rows of one load package, each key once; all rows if there is no limit.

        `load_id` is that of the package; None: its rows may be changed before they are loaded.
        """
        if limit and self._may_replace:
            limit = limit.for_merge()
        self.rejected.begin_package()
        self._settled.begin_package(load_id)
        keys = PackageKeys(self._filters)
        pages, self._waiting = self._waiting, []
        size = 0
        while True:
            pages = pages or self._groups.take(limit, size)
            if limit is not None and not keys.takes(pages):
                self._waiting += pages  # they repeat a key, so they belong to the next package
                return
            size += sum(page.size for page in pages)
            conversations, messages = self._rows(pages, is_whole_run=limit is None)
            self._remember(resource_state, pages, is_whole_run=limit is None)
            pages = []
            # messages first, so that no cut load has conversations without them
            yield MESSAGES, messages
            yield CONVERSATIONS, conversations
            if self._config.history:
                yield CONVERSATIONS_HISTORY, CONVERSATIONS_HISTORY.arrow_schema.empty_table()
            yield REJECTED, private(self._policy, REJECTED, self.rejected.rows())
            if self._ends(limit, size):
                return

    def _ends(self, limit: LoadLimit | None, size: int) -> bool:
        is_reached = limit is not None and limit.is_reached(size, time.monotonic())
        return self._groups.is_over or is_reached or self._groups.may_flush(limit, size)

    def _rows(
        self, pages: list[ConversationsPage], is_whole_run: bool
    ) -> tuple[pa.Table, pa.Table]:
        """The conversations and messages of `pages` that must be written."""
        conversations, messages = dedup.joined(self._changed(pages, is_whole_run))
        conversations = private(self._policy, CONVERSATIONS, conversations)
        messages = private(self._policy, MESSAGES, messages)
        self._settled.add(conversations, messages)
        return conversations, messages

    def _changed(self, pages: list[ConversationsPage], is_whole_run: bool) -> list[RecordBatch]:
        """The rows of `pages` that must be written."""
        read = [page for page in pages if page.item is not None and self._is_written(page)]
        batches = record_batches([page.records for page in dedup.items_of(read)])
        for page, batch in zip(read, batches, strict=True):
            self.rejected.note_good(page.bot_id, batch)
            if page.item is not None:
                rejected = self.left_out.kept_rejected(page.bot_id, batch.rejected)
                self.rejected.note_rejected(page.bot_id, rejected, page.item.read_at)
        changed = changed_rows(self._filters, read, batches, is_whole_run)
        rows = [self.left_out.kept(each) for each in changed]
        self._count(rows)
        return rows

    def _is_written(self, page: ConversationsPage) -> bool:
        """Whether rows of a page are written; a backfill reads the newest days only to verify."""
        if not self._config.is_backfill:
            return True
        last_day = page.request.window.last_day
        end = self._config.end_date or self._config.now.date()
        return end >= self._config.now.date() or (last_day is not None and last_day <= end)

    def _remember(
        self, resource_state: dict[str, Any], pages: list[ConversationsPage], is_whole_run: bool
    ) -> None:
        """Store the checkpoints of `pages`.

        A final state says how many rows the tables hold; it waits for the load if that is unknown.
        """
        with self._stored.connected():
            final = [page for page in pages if self._is_final(page)]
            counts = {page.bot_id: self._rows_after_load(page.checkpoint) for page in final}
            waiting = [] if is_whole_run else [page for page in final if self._waits(page, counts)]
            self._waiting += waiting
            checkpoints = newest_states([page for page in pages if page not in waiting])
        for bot_id, checkpoint in checkpoints.items():
            noted = self._filters[bot_id].noted_in(checkpoint)
            if self._needs_count(noted):
                noted = {**noted, "settled": counts[bot_id]}
            remember(resource_state, {bot_id: noted})
            self.left_out.unnoted.discard(bot_id)
            self._reports[STREAM, bot_id].state = noted

    def _is_final(self, page: ConversationsPage) -> bool:
        return page.item is None and self._needs_count(page.checkpoint)

    def _waits(self, page: ConversationsPage, counts: dict[int, State | None]) -> bool:
        return counts[page.bot_id] is None and self._settled.is_in_package(page.bot_id)

    def _rows_after_load(self, state: State) -> State | None:
        """What the tables hold of settled days after the load; None if it is not known before."""
        bot_id, before = state["bot_id"], date.fromisoformat(state["reread_from"])
        is_changed = self._settled.is_in_package(bot_id)
        if is_changed and (self._settled.load_id is None or self._config.kept_from):
            return None
        stored = self._stored.settled(bot_id, before, self._config.kept_from)
        if stored is None or not (stored["conversations"] or stored["messages"]):
            return self._settled.of_package(bot_id, before)
        return None if is_changed else stored

    def _needs_count(self, state: State) -> bool:
        """Whether the run of a bot has ended, and its settled days may hold other rows than before.

        Rows that are lost later could hide among rows that a run added without counting again.
        """
        is_over = states.is_finished(state) and state[self._slot] is None
        if not is_over or state["reread_from"] is None:
            return False
        settled, bot_id = state["settled"], state["bot_id"]
        if settled is None or settled["before"] != state["reread_from"]:
            return True
        if self._config.is_backfill:
            return False  # a backfill changes nothing in the state of syncs
        return bot_id in self._resumed or self._settled.is_written(bot_id)

    def _count(self, rows: list[RecordBatch]) -> None:
        for batch in rows:
            if batch.session_ids:
                report = self._reports[STREAM, batch.bot_id]
                report.rows += batch.conversations.num_rows
                report.messages += batch.messages[DELETED].null_count
