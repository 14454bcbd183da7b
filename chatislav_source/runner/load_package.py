"""Run one load package, repeat one that failed, recover what an interrupted run has left."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import dlt
from dlt.common.storages.exceptions import StorageException
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source.destinations import duckdb as appending
from chatislav_source.errors import ChatislavError, LoadFailedError, PipelineLockedError
from chatislav_source.runner.redaction import harmless

logger = logging.getLogger(__name__)


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
