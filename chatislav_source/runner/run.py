"""One run: its client, a crawl per resource, and from their pieces the tables of each load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.config import Options
from chatislav_source.errors import AuthenticationError
from chatislav_source.records.build import built
from chatislav_source.records.schema import DELETED
from chatislav_source.records.tolerant_rows import RecordBatch, analytics_rows
from chatislav_source.runner import dedup as batch
from chatislav_source.runner.change_filter import ChangeFilter, PackageKeys, written
from chatislav_source.runner.company import workers_for
from chatislav_source.runner.load_limit import LoadLimit
from chatislav_source.runner.report import ResourceReport, without_digests
from chatislav_source.runner.row_digests import CommitMarker
from chatislav_source.runner.worker_pool import (
    ExtractedPage,
    Job,
    Readable,
    WorkerPool,
    refusals_told_apart,
)
from chatislav_source.streams.analytics.plan import analytics_partition
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.plan import conversations_partition
from chatislav_source.streams.date_window import utc_text
from chatislav_source.streams.partition import Partition
from chatislav_source.streams.state import State, warn_unused

GROUP_BYTES = 8 * 1024 * 1024  # of JSON made into one Arrow table

PLANNERS: dict[str, Callable[[Any, int, Options, bool], Partition[Any, Any]]] = {
    "conversations": conversations_partition,
    "analytics": analytics_partition,
}
Reports = dict[tuple[str, int], ResourceReport]
"""By resource and bot."""


def may_end(chunk: LoadLimit | None, size: int, crawl: WorkerPool) -> bool:
    """Whether `size` bytes of JSON are loaded now, though the chunk is not full."""
    return chunk is not None and chunk.may_end(size, time.monotonic(), crawl)


class Run:
    """Everything one run shares; close it to end its threads, done or not.

    Resource states are dicts like `{"bots": {"123": {...}}}`; they are changed only when the rows
    they speak of are handed out, so that both are committed together.
    """

    def __init__(
        self,
        options: Options,
        on_piece: Callable[[str, ExtractedPage], None] = lambda *_: None,
        reports: Reports | None = None,
    ) -> None:
        self.options = options
        self.crawls: dict[str, WorkerPool] = {}
        self.reports: Reports = {} if reports is None else reports
        self.readable = Readable()
        self._on_piece = on_piece
        stop = threading.Event()
        throttle = RateLimiter(options.max_concurrency, stop)
        self._client = ChatislavClient(options.base_url, options.keys, throttle, stop)
        self._resumed: set[int] = set()
        self._is_first = not options.is_backfill  # of all its bots
        self._trust: dict[str, CommitMarker] = {}
        self._writings: dict[int, ChangeFilter] = {}
        self._held_back: list[ExtractedPage] = []
        self.handed_out_at = time.monotonic()  # the last of what there was to load

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and close the connections."""
        self._client.interrupt()
        for crawl in self.crawls.values():
            crawl.close()
        self._client.close()

    def start(self, resource: str, resource_state: dict[str, Any]) -> WorkerPool:
        """The crawl of `resource`, begun from its state if it is not under way."""
        if resource not in self.crawls:
            self._trust[resource] = CommitMarker(resource, resource_state)
            bot_ids = self.options.bot_ids
            jobs = [self._planned(resource, bot_id, resource_state) for bot_id in bot_ids]
            self.crawls[resource] = WorkerPool(
                jobs,
                self._client,
                self.readable,
                workers_for(self.options.max_concurrency),
                before=self.crawls.get("conversations"),  # they take longer
            )
        return self.crawls[resource]

    def _planned(self, resource: str, bot_id: int, resource_state: dict[str, Any]) -> Job:
        bots = resource_state.get("bots")
        stored, problem = state.opened(bots.get(str(bot_id)) if isinstance(bots, dict) else None)
        warn_unused(problem, bot_id)
        is_trusted = self._trust[resource].covers(bot_id)
        job = Job(PLANNERS[resource](stored, bot_id, self.options, is_trusted))
        begun = ResourceReport(bot_id, resource, *_range_of(resource, job, self.options))
        self.reports.setdefault((resource, bot_id), begun)
        if resource == "conversations":
            known = job.partition.state
            self._is_first &= stored is None
            today = self.options.now.date()
            is_sync = not self.options.is_backfill
            self._writings[bot_id] = (
                ChangeFilter.of_sync(known, today) if is_sync else ChangeFilter(None, today)
            )
            if _is_resumed(known, self.options):
                self._resumed.add(bot_id)
        return job

    @property
    def interrupted_before(self) -> list[int]:
        """Bots whose last sync was only now brought to its end."""
        jobs = self.crawls["conversations"].jobs
        done = [job.partition.bot_id for job in jobs if job.partition.done]
        return [bot_id for bot_id in done if bot_id in self._resumed]

    @property
    def is_over(self) -> bool:
        """Whether every crawl that was started has given all it has, and all of it is loaded."""
        return not self._held_back and all(crawl.is_over for crawl in self.crawls.values())

    def conversations(
        self, resource_state: dict[str, Any], chunk: LoadLimit | None
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Tables of conversations and of messages, no key twice; all there is without a chunk."""
        crawl = self.start("conversations", resource_state)
        crawl.company.load_began(time.monotonic())
        self._trust["conversations"].begin_load()
        if chunk and not self._is_first:
            chunk = chunk.merged()
        handed_out = PackageKeys(self._writings)
        size = 0
        while True:
            pieces = self._held_back or self._take("conversations", crawl, chunk, size)
            self._held_back = []
            read = [piece for piece in pieces if piece.result is not None]
            if chunk is not None and not handed_out.takes(read):
                self._held_back = pieces  # another copy of a conversation: it is of the next load
                return
            size += sum(piece.result.size for piece in read)
            yield self._written(resource_state, pieces, read, is_whole_run=chunk is None)
            is_full = chunk is not None and chunk.is_full(size, time.monotonic())
            if crawl.is_over or is_full or may_end(chunk, size, crawl):
                return

    def _written(
        self,
        resource_state: dict[str, Any],
        pieces: list[ExtractedPage],
        read: list[ExtractedPage],
        is_whole_run: bool,
    ) -> tuple[pa.Table, pa.Table]:
        """The rows of `read` that must be written, once the state says that `pieces` are."""
        pages = built([piece.result for piece in read])
        read = [replace(piece, result=page) for piece, page in zip(read, pages, strict=True)]
        rows = written(self._writings, read, is_whole_run)
        states = newest_states(pieces)
        noted = {bot_id: self._writings[bot_id].noted_in(states[bot_id]) for bot_id in states}
        self._remember("conversations", resource_state, noted)
        self._count_rows(rows)
        return batch.joined(rows)

    def analytics(
        self, resource_state: dict[str, Any], chunk: LoadLimit | None
    ) -> Iterator[pa.Table]:
        """Tables of analytics; all there is without a chunk."""
        crawl = self.start("analytics", resource_state)
        crawl.company.load_began(time.monotonic())
        self._trust["analytics"].begin_load()
        conversations = self.crawls.get("conversations")
        if chunk and conversations and (self._held_back or not conversations.is_over):
            chunk = chunk.of_what_is_there(time.monotonic())  # the rest comes with their next load
        while True:
            pieces = self._take("analytics", crawl, chunk)
            days = [piece.result for piece in pieces if piece.result is not None]
            self._remember("analytics", resource_state, newest_states(pieces))
            # together, as to make a column takes as long for one row as for a hundred
            yield analytics_rows([day.totals for day in days if day.totals])
            if chunk is not None or crawl.is_over:
                return

    def _take(
        self, resource: str, crawl: WorkerPool, chunk: LoadLimit | None, held: int = 0
    ) -> list[ExtractedPage]:
        """Pieces that are made into one Arrow table, as many as there are by the deadline.

        `held` are bytes of JSON that the chunk has already.
        """
        most = min(chunk.size, GROUP_BYTES) if chunk else GROUP_BYTES
        deadline = chunk.deadline if chunk else None
        pieces: list[ExtractedPage] = []
        size = 0
        while size < most and not may_end(chunk, held + size, crawl):
            piece = crawl.take(deadline)
            if piece is None:
                break
            pieces.append(piece)
            size += piece.result.size if piece.result else 0
            self._count(resource, piece)
            self._on_piece(resource, piece)
        return pieces

    def _remember(
        self, resource: str, resource_state: dict[str, Any], states: dict[int, State]
    ) -> None:
        self.handed_out_at = time.monotonic()
        if states:
            remember(resource_state, states)
            is_known = not self.options.is_backfill
            self._trust[resource].renew(resource_state, states, is_known)

    def _count(self, resource: str, piece: ExtractedPage) -> None:
        report = self.reports[resource, piece.bot_id]
        report.state = piece.state
        if piece.result is None:
            return
        report.pages += 1
        report.requests += piece.result.tries
        report.retries += piece.result.tries - 1
        report.replaced_characters += piece.result.replaced_characters
        if resource == "analytics":
            report.rows += piece.result.totals is not None
            report.unchanged += piece.result.totals is None

    def _count_rows(self, rows: list[RecordBatch]) -> None:
        for page in rows:
            if page.conversations.num_rows:
                bot_id = page.conversations["bot_id"][0].as_py()
                report = self.reports["conversations", bot_id]
                report.rows += page.conversations.num_rows
                report.messages += page.messages[DELETED].null_count

    def finish(self) -> AuthenticationError | BaseException | None:
        """Fill in how each part ended; the error that ends the whole run, if there is one."""
        jobs = [job for crawl in self.crawls.values() for job in crawl.jobs]
        fatal = next((c.fatal for c in self.crawls.values() if c.fatal), None)
        fatal = fatal or refusals_told_apart(jobs, self.readable)
        for bot_id, writing in self._writings.items():
            self.reports["conversations", bot_id].unchanged += writing.unchanged
        for resource, crawl in self.crawls.items():
            for job in crawl.jobs:
                report = self.reports[resource, job.partition.bot_id]
                report.complete = job.partition.done
                report.error = str(job.partition.error) if job.partition.error else None
                report.state = without_digests(report.state or job.partition.state)
        return fatal

    @property
    def warnings(self) -> list[str]:
        """What the readings noticed and could live with."""
        jobs = [job for crawl in self.crawls.values() for job in crawl.jobs]
        return [warning for job in jobs for warning in job.partition.warnings]


def newest_states(pieces: list[ExtractedPage]) -> dict[int, State]:
    """By bot, the state after its last piece."""
    return {piece.bot_id: piece.state for piece in pieces}


def remember(resource_state: dict[str, Any], states: dict[int, State]) -> None:
    """Put the bots' states into the resource's state, sealed; those of other bots stay."""
    bots = resource_state.get("bots")
    known = bots if isinstance(bots, dict) else {}
    sealed = {str(bot_id): state.sealed(value) for bot_id, value in states.items()}
    resource_state["bots"] = known | sealed


def _is_resumed(known: State, options: Options) -> bool:
    """Whether the sync under way was begun by an earlier run."""
    return not options.is_backfill and known["progress"]["started_at"] != utc_text(options.now)


def _range_of(resource: str, job: Job, options: Options) -> tuple[str | None, str | None]:
    """First and last day that the job reads, as text; no last day means until now."""
    if options.is_backfill:
        return str(options.start_date), str(options.end_date)
    if resource == "analytics":
        return None, str(options.today)
    progress = job.partition.state["progress"]
    windows = state.parsed([*progress["todo"], progress["tail"]])
    windows += state.parsed(entry["window"] for entry in progress["open"])
    return str(min(window.first_day for window in windows)), None
