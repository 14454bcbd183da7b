"""The loop of small loads that makes a sync resumable at any moment.

dlt commits state only with a finished load, so one long load that is killed is lost as a whole.
Each turn loads one chunk together with the state after it, while the next is being fetched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import dlt
from filelock import FileLock, Timeout

from chatislav_source.destinations.duckdb import DispositionChooser
from chatislav_source.destinations.staging import private_staging
from chatislav_source.errors import PipelineLockedError
from chatislav_source.runner.checkpoint import keep_to_destination
from chatislav_source.runner.load_limit import LoadLimit
from chatislav_source.runner.load_package import load, load_pending
from chatislav_source.runner.report import SyncReport
from chatislav_source.runner.resources import package_source
from chatislav_source.runner.run import Reports, Run
from chatislav_source.runner.worker_pool import ExtractedPage
from chatislav_source.source import resolved_options

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
            with closing(DispositionChooser(pipeline)) as dispositions:
                load(pipeline, package_source(run, chunk, dispositions), dispositions)
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
