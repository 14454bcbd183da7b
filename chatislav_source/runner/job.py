"""The loop of small loads that makes a sync resumable at any moment.

dlt commits state only with a finished load, so one long load that is killed is lost as a whole.
Each turn loads one chunk together with the state after it, while the next is being fetched.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import dlt
from dlt.common.storages.exceptions import StorageException
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed
from filelock import FileLock, Timeout

from chatislav_source.destinations import duckdb as appending
from chatislav_source.destinations.duckdb import Appending
from chatislav_source.destinations.staging import private_staging
from chatislav_source.errors import ChatislavError, LoadFailedError, PipelineLockedError
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.runner.checkpoint import keep_to_destination
from chatislav_source.runner.load_limit import LoadLimit
from chatislav_source.runner.redaction import harmless
from chatislav_source.runner.report import SyncReport
from chatislav_source.runner.run import Reports, Run
from chatislav_source.runner.worker_pool import ExtractedPage
from chatislav_source.source import resolved_options, resources

logger = logging.getLogger(__name__)

Progress = Callable[[str, ExtractedPage], None]
"""Called with the name of the resource for every piece that goes into a load."""


class Arguments(TypedDict, total=False):
    """The arguments of `chatislav(...)`; what is not given comes from dlt's config."""

    bot_ids: list[int] | None
    api_key: str | None
    secondary_api_key: str | None
    base_url: str | None
    start_date: str | date | None
    end_date: str | date | None
    timezone: str | None
    api_timezone: str | None
    lookback_days: int | None
    analytics_lookback_days: int | None
    analytics_channels: list[str] | None
    max_concurrency: int | None


def sync(
    pipeline: dlt.Pipeline,
    *,
    on_progress: Progress = lambda *_: None,
    **arguments: Unpack[Arguments],
) -> SyncReport:
    """Load everything that is new into the pipeline's destination, in small resumable loads.

    Takes the arguments of `chatislav(...)`. A bot that cannot be read is in the report's errors,
    the others are complete. A call after any interruption goes on where the last load ended.

    Raises:
        ConfigurationError: an argument cannot be used; nothing was requested.
        AuthenticationError: no key is accepted; what was loaded before is kept.
        PipelineLockedError: another process works with this pipeline or holds the database.
        LoadFailedError: the destination refused a load twice; it is read again by the next run.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    options = resolved_options(**given)  # type: ignore[arg-type]
    report = SyncReport(started_at=options.now)
    began = time.monotonic()
    private_staging().claim(pipeline)
    with alone(pipeline):
        keep_to_destination(pipeline)
        load_pending(pipeline)
        reports: Reports = {}
        late = _loaded_all(pipeline, Run(options, on_progress, reports), report)
        if late:
            # what an interrupted sync had read before may have changed since
            again = replace(options, bot_ids=tuple(late), now=datetime.now(UTC))
            _loaded_all(pipeline, Run(again, on_progress, reports), report)
    report.seconds = time.monotonic() - began
    return report


def _loaded_all(pipeline: dlt.Pipeline, run: Run, report: SyncReport) -> list[int]:
    """Load chunks of a run until it is over; the bots that should be synced once more."""
    loads = 0
    chunk = LoadLimit.starting(time.monotonic())
    with run:
        while not (loads and run.is_over):
            with closing(Appending(pipeline)) as appends:
                load(pipeline, chunk_source(run, chunk, appends))
            loads += 1
            now = time.monotonic()
            chunk = LoadLimit.starting(now, load_seconds=now - run.handed_out_at)
        fatal = run.finish()
    report.loads += loads
    report.warnings += run.warnings
    report.resources = list(run.reports.values())
    if fatal:
        raise fatal
    return run.interrupted_before


@contextmanager
def alone(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Hold the pipeline for this process, on this machine.

    Raises:
        PipelineLockedError: another process holds it.
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
        yield
    finally:
        lock.release()


def load_pending(pipeline: dlt.Pipeline) -> None:
    """Load what an interrupted run had extracted; what cannot be loaded is read again.

    Raises:
        PipelineLockedError: the database is held by another process.
    """
    if appending.is_noted(pipeline) or is_half_loaded(pipeline):
        logger.info("The last load was interrupted; what it held is read again")
        start_over(pipeline)
    if pipeline.has_pending_data:
        logger.info("Loading what the last run had read")
        try:
            load(pipeline, None)
        except LoadFailedError as error:
            logger.warning("%s", error)


def is_half_loaded(pipeline: dlt.Pipeline) -> bool:
    """Whether a load was interrupted: dlt would stage its rows again, and so store them twice."""
    try:
        packages = pipeline.list_normalized_load_packages()
        is_aborted = bool(packages) and not pipeline.has_pending_data
        return is_aborted or any(
            pipeline.get_load_package_info(load_id).jobs["started_jobs"] for load_id in packages
        )
    except (OSError, StorageException):
        return True  # killed while dlt made its folders, which no run would mend


def start_over(pipeline: dlt.Pipeline) -> None:
    """Forget everything local; the next load restores the state of the last one that was complete.

    `abort_packages` would do, but if it is interrupted the state stays ahead of the tables.
    """
    interrupted = Path(pipeline.pipelines_dir) / f".{pipeline.pipeline_name}.interrupted"
    shutil.rmtree(interrupted, ignore_errors=True)
    Path(pipeline.working_dir).rename(interrupted)  # at once, so that no half of it is left
    pipeline.drop()
    shutil.rmtree(interrupted, ignore_errors=True)


def load(pipeline: dlt.Pipeline, source: DltSource | None) -> None:
    """Run one load; a failed one is tried once more, then dropped together with its state.

    One that appends is dropped at once: it may not be repeated, but it can be read again.

    Raises:
        PipelineLockedError: the database is held by another process.
        LoadFailedError: the load failed twice.
        ChatislavError: whatever the source raised.
    """
    try:
        pipeline.run(source)
        appending.forget(pipeline)
        return
    except PipelineStepFailed as error:
        cause = told_apart(error)
        if appending.is_noted(pipeline):
            start_over(pipeline)
        if not pipeline.has_pending_data:
            raise cause from None  # what lies beneath may quote rows
        logger.warning("A load failed and is tried again: %s", cause)
    try:
        pipeline.run()
    except PipelineStepFailed as error:
        cause = told_apart(error)
        if isinstance(cause, LoadFailedError):
            start_over(pipeline)
        raise cause from None


def told_apart(error: PipelineStepFailed) -> Exception:
    """Our own error if one lies beneath, one in plain words for a held database, or the step's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ChatislavError):
            return cause
        if "Could not set lock on file" in str(cause):
            return PipelineLockedError(
                "The DuckDB file is held by another process; DuckDB allows one writer at a time. "
                "Close the other program (a notebook or a DuckDB shell counts) and run again; "
                "nothing is lost."
            )
        cause = cause.__cause__ or cause.__context__
    if error.step == "extract":
        return error  # a defect of ours, which must be seen as it is
    return LoadFailedError(error.step, f"{type(error.exception).__name__}: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """What the warehouse said, up to where it may quote a row."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return harmless(str(error))


def chunk_source(run: Run, chunk: LoadLimit, appends: Appending) -> DltSource:
    """A source whose one load is the next chunk of `run`."""

    @dlt.source(name="chatislav", section="chatislav", max_table_nesting=0)
    def chatislav() -> object:
        return resources(PackageScope(run, chunk, appends))

    return chatislav()


class PackageScope:
    """Lends the same run to every load, bounded by a chunk."""

    def __init__(self, run: Run, chunk: LoadLimit, appends: Appending) -> None:
        self.appending = appends  # never repeated, see `load` and `load_pending`
        self._run = run
        self._chunk = chunk

    @contextmanager
    def lent(self, resource: str) -> Iterator[tuple[Run, LoadLimit | None]]:
        """The run, with the crawls of both resources under way."""
        del resource
        for name in (CONVERSATIONS.name, ANALYTICS.name):
            self._run.start(name, dlt.current.resource_state(name))
        yield self._run, self._chunk
