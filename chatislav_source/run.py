"""One run: its client, a crawl per resource, and from their pieces the tables of each load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from chatislav_source import batch, settings, state
from chatislav_source.client import ChatislavClient
from chatislav_source.conversations import kept_rows
from chatislav_source.crawl import Crawl, Job, Piece, Readable, refusals_told_apart
from chatislav_source.errors import KeyRefusedError
from chatislav_source.options import Options
from chatislav_source.planning import analytics_job, conversations_job
from chatislav_source.report import ResourceReport, without_digests
from chatislav_source.rows import PageRows
from chatislav_source.tables import ANALYTICS, DELETED
from chatislav_source.throttle import Throttle
from chatislav_source.windows import DateWindow, merged

PLANNERS: dict[str, Callable[[Any, int, Options], Job]] = {
    "conversations": conversations_job,
    "analytics": analytics_job,
}
GROUP_BYTES = 16 * 1024 * 1024  # of JSON made into one Arrow table where a load has no bound


@dataclass(frozen=True)
class Chunk:
    """The bound of one load: bytes of JSON, and a deadline on the monotonic clock."""

    size: int
    deadline: float

    @classmethod
    def starting_now(cls) -> Chunk:
        """A chunk of the usual size and time."""
        return cls(settings.CHUNK_BYTES, time.monotonic() + settings.CHUNK_SECONDS)


class Run:
    """Everything one run shares; close it to end its threads, done or not.

    Resource states are dicts like `{"bots": {"123": {...}}}`; they are changed only when the rows
    they speak of are handed out, so that both are committed together.
    """

    def __init__(
        self, options: Options, on_piece: Callable[[str, Piece], None] = lambda *_: None
    ) -> None:
        self.options = options
        self.crawls: dict[str, Crawl] = {}
        self.reports: dict[tuple[str, int], ResourceReport] = {}
        self.readable = Readable()
        self._on_piece = on_piece
        self._stop = threading.Event()
        self._throttle = Throttle(options.max_concurrency, self._stop)
        self._client = ChatislavClient(options.base_url, options.keys, self._throttle, self._stop)
        self._digests: dict[int, Digests] = {}
        self._emitted: set[int] = set()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and close the connections."""
        self._stop.set()
        self._throttle.wake()
        for crawl in self.crawls.values():
            crawl.close()
        self._client.close()

    def start(self, resource: str, resource_state: dict[str, Any]) -> Crawl:
        """The crawl of `resource`, begun from its state if it is not under way."""
        if resource not in self.crawls:
            bots = resource_state.get("bots")
            stored = bots if isinstance(bots, dict) else {}
            plan = PLANNERS[resource]
            jobs = [
                plan(stored.get(str(bot_id)), bot_id, self.options)
                for bot_id in self.options.bot_ids
            ]
            for job in jobs:
                self._begin_report(resource, job)
                if resource == "conversations":
                    self._digests[job.reading.bot_id] = Digests(job.reading.state)
            self.crawls[resource] = Crawl(
                jobs, self._client, self.readable, self.options.max_concurrency
            )
        return self.crawls[resource]

    @property
    def is_over(self) -> bool:
        """Whether every crawl that was started has given all it has."""
        return all(crawl.is_over for crawl in self.crawls.values())

    def conversations(
        self, resource_state: dict[str, Any], chunk: Chunk | None
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Tables of conversations and of messages, no key twice; all there is without a chunk."""
        crawl = self.start("conversations", resource_state)
        while True:
            pieces = self._take("conversations", crawl, chunk)
            read = [piece for piece in pieces if piece.result is not None]
            rows = batch.newest([piece.result for piece in read])
            again: dict[int, list[DateWindow]] = {}
            if chunk is None:
                rows = self._not_emitted(read, rows, again)
            remember(resource_state, self._with_digests(pieces, again))
            self._count_rows(rows)
            yield batch.joined(rows)
            if chunk is not None or crawl.is_over:
                return

    def analytics(self, resource_state: dict[str, Any], chunk: Chunk | None) -> Iterator[pa.Table]:
        """Tables of analytics; all there is without a chunk."""
        crawl = self.start("analytics", resource_state)
        while True:
            pieces = self._take("analytics", crawl, chunk)
            days = [piece.result for piece in pieces if piece.result is not None]
            remember(resource_state, newest_states(pieces))
            rows = [day.row for day in days if day.row is not None]
            yield pa.concat_tables([ANALYTICS.arrow_schema.empty_table(), *rows])
            if chunk is not None or crawl.is_over:
                return

    def _take(self, resource: str, crawl: Crawl, chunk: Chunk | None) -> list[Piece]:
        """Pieces until a bound; of a chunk at least one, however late it comes."""
        size = chunk.size if chunk else GROUP_BYTES
        deadline = chunk.deadline if chunk else None
        pieces: list[Piece] = []
        while size > 0:
            piece = crawl.take(deadline)
            if piece is None:
                break
            pieces.append(piece)
            size -= piece.result.size if piece.result else 0
            self._count(resource, piece)
            self._on_piece(resource, piece)
        return pieces

    def _not_emitted(
        self, pieces: list[Piece], rows: list[PageRows], again: dict[int, list[DateWindow]]
    ) -> list[PageRows]:
        """Leave out what this load has already: a newer copy waits for the next run.

        Its window is put into `again`, so that the next run reads it whatever its days are.
        """
        kept = []
        for piece, page in zip(pieces, rows, strict=True):
            hashes = [hash(key) for key, _ in batch.keys_and_activity(page)]
            is_new = [key not in self._emitted for key in hashes]
            self._emitted.update(hashes)
            if not all(is_new):
                window = piece.request.window
                last_day = window.last_day or self.options.now.date()
                again.setdefault(piece.bot_id, []).append(DateWindow(window.first_day, last_day))
                page = kept_rows(page, is_new)
            kept.append(page)
        return kept

    def _with_digests(
        self, pieces: list[Piece], again: dict[int, list[DateWindow]]
    ) -> dict[int, state.State]:
        """The newest state of each bot, with what it must remember of the rows in `pieces`."""
        for piece in pieces:
            if piece.result is not None:
                self._digests[piece.bot_id].add(piece.result.digests)
        states = {}
        for bot_id, bot_state in newest_states(pieces).items():
            kept = self._digests[bot_id].kept_in(bot_state)
            if bot_id in again:
                windows = merged([*state.parsed(kept["again"]), *again[bot_id]])
                kept = {**kept, "again": [str(window) for window in windows]}
            states[bot_id] = kept
        return states

    def _begin_report(self, resource: str, job: Job) -> None:
        days = _range_of(resource, job, self.options)
        self.reports[resource, job.reading.bot_id] = ResourceReport(
            job.reading.bot_id, resource, *days
        )

    def _count(self, resource: str, piece: Piece) -> None:
        report = self.reports[resource, piece.bot_id]
        report.state = piece.state
        if piece.result is None:
            return
        report.pages += 1
        report.requests += piece.result.tries
        report.retries += piece.result.tries - 1
        report.replaced_characters += piece.result.replaced_characters
        if resource == "analytics":
            report.rows += piece.result.row is not None
            report.unchanged += piece.result.row is None
        else:
            report.unchanged += piece.result.unchanged

    def _count_rows(self, rows: list[PageRows]) -> None:
        for page in rows:
            if page.conversations.num_rows:
                bot_id = page.conversations["bot_id"][0].as_py()
                report = self.reports["conversations", bot_id]
                report.rows += page.conversations.num_rows
                report.messages += page.messages[DELETED].null_count

    def finish(self) -> KeyRefusedError | BaseException | None:
        """Fill in how each part ended; the error that ends the whole run, if there is one."""
        jobs = [job for crawl in self.crawls.values() for job in crawl.jobs]
        fatal = next((c.fatal for c in self.crawls.values() if c.fatal), None)
        fatal = fatal or refusals_told_apart(jobs, self.readable)
        for resource, crawl in self.crawls.items():
            for job in crawl.jobs:
                report = self.reports[resource, job.reading.bot_id]
                report.complete = job.reading.done
                report.error = str(job.reading.error) if job.reading.error else None
                report.state = without_digests(report.state or job.reading.state)
        return fatal

    @property
    def warnings(self) -> list[str]:
        """What the readings noticed and could live with."""
        jobs = [job for crawl in self.crawls.values() for job in crawl.jobs]
        return [warning for job in jobs for warning in job.reading.warnings]


def newest_states(pieces: list[Piece]) -> dict[int, state.State]:
    """By bot, the state after its last piece."""
    return {piece.bot_id: piece.state for piece in pieces}


def remember(resource_state: dict[str, Any], states: dict[int, state.State]) -> None:
    """Put the bots' states into the resource's state; those of other bots stay."""
    if not states:
        return
    bots = resource_state.get("bots")
    known = bots if isinstance(bots, dict) else {}
    resource_state["bots"] = known | {str(bot_id): value for bot_id, value in states.items()}


class Digests:
    """Of one bot, what was loaded of the lookback; the newest, as many as a state may hold."""

    def __init__(self, bot_state: state.State) -> None:
        progress = bot_state["progress"]
        known = state.decoded_digests(progress["digests"]) if progress else frozenset()
        self._digests: dict[str | bytes, bytes] = {digest: digest for digest in known}

    def add(self, digests: dict[str, bytes]) -> None:
        """Conversations by session id that were just handed out, or were loaded already."""
        for session_id, digest in digests.items():
            self._digests.pop(session_id, None)  # so that it counts as new
            self._digests[session_id] = digest
        for oldest in list(self._digests)[: max(0, len(self._digests) - settings.MAX_DIGESTS)]:
            del self._digests[oldest]

    def kept_in(self, bot_state: state.State) -> state.State:
        """The state with the digests in it: in its progress, and at the end in itself."""
        text = state.encoded_digests(self._digests.values())
        if bot_state["backfill"]:
            return bot_state
        if bot_state["progress"]:
            return {**bot_state, "progress": {**bot_state["progress"], "digests": text}}
        return {**bot_state, "digests": text}


def _range_of(resource: str, job: Job, options: Options) -> tuple[str | None, str | None]:
    """First and last day that the job reads, as text; no last day means until now."""
    if options.is_backfill:
        return str(options.start_date), str(options.end_date)
    if resource == "analytics":
        return None, str(options.today)
    progress = job.reading.state["progress"]
    windows = state.parsed([*progress["todo"], progress["tail"]])
    windows += state.parsed(entry["window"] for entry in progress["open"])
    return str(min(window.first_day for window in windows)), None
