"""The loop of small load packages, which makes a sync resumable at any moment.

dlt commits state only with a complete load, so a kill during one long load would lose all of it.
Each iteration loads one package with its checkpoints, while the next pages are fetched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dlt
from dlt.extract import DltSource
from filelock import FileLock, Timeout

from chatislav_source.config import SyncConfig
from chatislav_source.destinations.adapter import adapter_of
from chatislav_source.destinations.concurrency.bot_locks import are_written, bot_locks
from chatislav_source.destinations.ddl import create_missing_indexes
from chatislav_source.destinations.defaults import own_defaults
from chatislav_source.destinations.duckdb import DispositionChooser
from chatislav_source.destinations.duckdb_file.kept_open import KeptOpen
from chatislav_source.destinations.last_run import (
    announce_move,
    note_run,
    refuse_overlooked_path,
)
from chatislav_source.errors import PipelineLockedError
from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.extract.page_groups import OnPage
from chatislav_source.runner.checkpoint import (
    delete_damaged_files,
    keep_to_destination,
    prune_states,
)
from chatislav_source.runner.erasure.record import record
from chatislav_source.runner.erasure.retention import expire, require_retention
from chatislav_source.runner.history.follow import follow, require_history
from chatislav_source.runner.load_package import load
from chatislav_source.runner.redaction import open_file
from chatislav_source.runner.report import Reports, SyncReport
from chatislav_source.runner.resources import STREAMS, Customize, package_source
from chatislav_source.runner.run import Run
from chatislav_source.runner.stored_tables import StoredTables

logger = logging.getLogger(__name__)

SourceOf = Callable[[Run, LoadLimit, DispositionChooser], DltSource]
"""Makes the source of one load package."""


def run_job(
    pipeline: dlt.Pipeline,
    config: SyncConfig,
    on_progress: OnPage,
    streams: Sequence[str] = STREAMS,
    customize: Customize | None = None,
    stored: StoredTables | None = None,
) -> SyncReport:
    """Load the bots and days in `config`, package by package; returns the report.

    `stored` says which rows need not be written; by default it asks the tables.

    Raises:
        ConfigurationError: as `refuse_overlooked_path`, `require_history` and `require_retention`;
            nothing was requested.
        AuthenticationError: the API accepts none of the keys; completed loads stay, and nothing is
            changed if the first request was refused.
        ApiUnreachableError: the API has not responded to any request; nothing was changed.
        PipelineLockedError: another process runs this pipeline, loads one of its bots, or has
            locked the database.
        LoadFailedError: a load failed twice, or the bots could not be locked.
    """
    report = SyncReport(started_at=config.now)
    began = time.monotonic()
    own_defaults().claim(pipeline)
    if config.history:
        require_history(pipeline)
    reports: Reports = {}
    with (
        alone(pipeline),
        marked_running(pipeline) as was_killed,
        Run(config, on_progress, reports, stored) as run,
        locked_and_accepted(pipeline, run, streams),
        closing(KeptOpen(pipeline)) as file,
    ):
        open_file(file)
        announce_move(pipeline)
        keep_to_destination(pipeline)
        note_run(pipeline)
        states = pipeline.state["_state_version"]
        source_of = partial(package_source, streams=streams, customize=customize)
        limit_of = LoadLimit.eager if was_killed else LoadLimit.starting
        resumed = _load_packages(pipeline, run, report, source_of, limit_of, file)
        left_out = dict(run.left_out.new)
        stored = StoredTables(pipeline)
        if has_other_writers(pipeline) and report.total("rows"):
            may_lack_messages = customize is not None
            doubled = stored.remove_doubles(report.load_ids, may_lack_messages=may_lack_messages)
            resumed = sorted({*resumed, *doubled})
        if resumed:
            # rows read before the interruption may have changed since
            again = replace(config, bot_ids=tuple(resumed), now=datetime.now(UTC))
            with Run(again, on_progress, reports, stored) as second:
                _load_packages(pipeline, second, report, source_of, limit_of, file)
                left_out |= second.left_out.new
        if left_out:
            record(pipeline, left_out.values())
        report.notes += expire(pipeline, config, run.left_out)
        prune_states(pipeline, states)
        create_missing_indexes(pipeline)
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def locked_and_accepted(pipeline: dlt.Pipeline, run: Run, streams: Sequence[str]) -> Iterator[None]:
    """Lock the bots and send the first request; the one that changes nothing comes first.

    Raises:
        PipelineLockedError, LoadFailedError: as `bot_locks`.
        AuthenticationError, ApiUnreachableError: as `Run.check_key`; nothing was changed.
    """
    refuse_overlooked_path(pipeline)
    require_retention(pipeline, run.config)
    is_request_first = are_written(pipeline)
    if is_request_first:
        run.check_key(streams)
    with bot_locks(pipeline, run.config.bot_ids):
        if not is_request_first:
            run.check_key(streams)
        yield


def _load_packages(
    pipeline: dlt.Pipeline,
    run: Run,
    report: SyncReport,
    source_of: SourceOf,
    limit_of: Callable[[float, float | None], LoadLimit],
    file: KeptOpen,
) -> list[int]:
    """Load package after package until the run is over; returns the bots to sync again.

    These are the bots whose sync was interrupted earlier and completed by this run.
    """
    loads = 0
    limit = limit_of(time.monotonic(), None)
    while not (loads and run.is_over):
        if loads:
            file.close()  # while pages are waited for
        dispositions = DispositionChooser(pipeline, file)
        source = source_of(run, limit, dispositions)
        load_ids = load(pipeline, source, dispositions)
        report.load_ids += load_ids
        if run.config.history:
            follow(pipeline, run.tables, run.config.bot_ids, load_ids)
        loads += 1
        now = time.monotonic()
        limit = limit_of(now, now - run.open_package.handed_out_at)
    fatal = run.finish()
    report.loads += loads
    report.warnings += run.warnings
    report.notes += run.notes
    report.resources = list(run.reports.values())
    if fatal:
        raise fatal
    return run.interrupted_before


def has_other_writers(pipeline: dlt.Pipeline) -> bool:
    """Whether another process may write into the destination at the same time."""
    return adapter_of(pipeline).locks is not None


@contextmanager
def marked_running(pipeline: dlt.Pipeline) -> Iterator[bool]:
    """Leave a file beside the pipeline's folder while it runs, and after a run that did not end.

    Yields whether the last run on this machine was killed, or failed.
    """
    mark = Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.running"
    was_killed = mark.exists()
    mark.touch()
    yield was_killed
    mark.unlink(missing_ok=True)


@contextmanager
def alone(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Lock the pipeline for this process, on this machine; damaged local files are deleted.

    Raises:
        PipelineLockedError: another process has locked it.
    """
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{pipeline.pipeline_name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise PipelineLockedError(
            f"Pipeline {pipeline.pipeline_name!r} is being run by another process. Two runs at "
            "once would mix their state, so this one stopped; wait for the other to end, or give "
            "this one its own --pipeline-name."
        ) from None
    try:
        delete_damaged_files(pipeline)
        yield
    finally:
        lock.release()
