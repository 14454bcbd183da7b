"""Loads one package, and retries a failed one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import dlt
from dlt.common.storages.exceptions import StorageException
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source.destinations.concurrency import bot_locks
from chatislav_source.destinations.duckdb import (
    DispositionChooser,
    clear_append_mark,
    has_append_mark,
    is_out_of_memory,
    raise_memory_limit,
)
from chatislav_source.destinations.duckdb_file.access import locked_error
from chatislav_source.errors import (
    ChatislavError,
    DiskFullError,
    LoadFailedError,
    PipelineLockedError,
)
from chatislav_source.runner.checkpoint import start_over
from chatislav_source.runner.redaction import reason_of

logger = logging.getLogger(__name__)

OUT_OF_MEMORY = (
    "DuckDB reached its memory limit, at the second try too. In Python, give it a higher "
    "memory_limit; the command line's is fixed, so load in Python instead"
)


def is_half_loaded(pipeline: dlt.Pipeline) -> bool:
    """Whether a load was interrupted: dlt would stage its rows again, and so store them twice."""
    try:
        packages = pipeline.list_normalized_load_packages()
        is_aborted = bool(packages) and not pipeline.has_pending_data
        return is_aborted or any(
            pipeline.get_load_package_info(load_id).jobs["started_jobs"] for load_id in packages
        )
    except (OSError, StorageException):
        return True  # a kill while dlt created its folders, which dlt does not repair


def load(
    pipeline: dlt.Pipeline, source: DltSource, dispositions: DispositionChooser | None = None
) -> list[str]:
    """Load one package and return its load ids; a failed load is retried once, then dropped.

    After an out-of-memory error of DuckDB the retry has more memory. A load that appends is retried
    only after such an error, and only if its appends were undone; else it is dropped at once, as
    its rows can be read again.

    Raises:
        PipelineLockedError: another process has locked the database, or this run has lost a lock.
        LoadFailedError: the load failed twice.
        ChatislavError: raised by the source.
    """
    try:
        loaded = pipeline.run(source)
        clear_append_mark(pipeline)
        return loaded.loads_ids if loaded else []
    except PipelineStepFailed as error:
        failure = failure_of(error)
        needs_memory = lacks_memory(error)
    if not _can_repeat(pipeline, dispositions, needs_memory):
        raise failure from None  # the causes may contain rows
    reason = failure.kind if isinstance(failure, LoadFailedError) else failure
    logger.warning("A load failed and is tried again: %s", reason)
    try:
        bot_locks.check(pipeline)
    except PipelineLockedError:
        start_over(pipeline)  # another run may have loaded newer rows
        raise
    try:
        loaded = pipeline.run()
        clear_append_mark(pipeline)
        return loaded.loads_ids if loaded else []
    except PipelineStepFailed as error:
        failure = failure_of(error)
        if isinstance(failure, LoadFailedError):
            start_over(pipeline)
        if lacks_memory(error):
            failure = LoadFailedError(error.step, OUT_OF_MEMORY)
        raise failure from None


def _can_repeat(
    pipeline: dlt.Pipeline, dispositions: DispositionChooser | None, needs_memory: bool
) -> bool:
    """Prepare the retry of a failed load; returns whether it can be retried."""
    if dispositions:
        dispositions.file.close()  # DuckDB may refuse all work until every connection is closed
    if needs_memory:
        raise_memory_limit(pipeline)
    if has_append_mark(pipeline):
        is_undone = (
            needs_memory
            and dispositions is not None
            and not is_half_loaded(pipeline)
            and dispositions.undo_appends()
        )
        if not is_undone:
            start_over(pipeline)
    return bool(pipeline.has_pending_data)


def failure_of(error: PipelineStepFailed) -> Exception:
    """The error to raise for a failed step.

    A `ChatislavError` or an error of a locked database if that is the cause; `error` itself if the
    extract step has a defect; else a `LoadFailedError` without any text that may contain a row.

    Raises:
        KeyboardInterrupt: the step was interrupted.
    """
    for cause in _causes(error):
        if isinstance(cause, KeyboardInterrupt):
            raise KeyboardInterrupt from None  # the loads so far are committed
        if isinstance(cause, ChatislavError):
            return cause
        if DiskFullError.is_cause(cause):
            return DiskFullError()
        locked = locked_error(str(cause))
        if locked:
            return locked
    if error.step == "extract":
        return error  # a defect, whose traceback is needed
    return LoadFailedError(error.step, reason_of(error))


def lacks_memory(error: PipelineStepFailed) -> bool:
    """Whether a step failed because DuckDB reached its memory limit."""
    return any(is_out_of_memory(str(cause)) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes, outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
