"""The locks of the bots that a pipeline loads, from before its first request until its last load.

`bot_locks` holds them for `sync`. In a plain `pipeline.run` the resources take them, and a hook of
dlt releases them at its end. The locks of a pipeline are found by its folder.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import dlt
from dlt.common.pipeline import SupportsPipeline

from chatislav_source.destinations.adapter import Adapter, adapter_of
from chatislav_source.destinations.concurrency.leases import Leases
from chatislav_source.destinations.concurrency.lock import BotLocks, Owner
from chatislav_source.destinations.dlt_internals import SqlJobClientBase
from chatislav_source.errors import ChatislavError, LoadFailedError

logger = logging.getLogger(__name__)

NO_LOCK = (
    "The bots could not be locked in this destination (%s), which is not tested. Let only one run "
    "at a time load a bot."
)


@dataclass
class Held:
    """The locks of one pipeline; with `for_sync` the end of a run does not release them."""

    locks: BotLocks
    for_sync: bool


_HELD: dict[str, Held] = {}
"""By the pipeline's folder."""

_RUNNING: set[str] = set()
"""The folders of pipelines in `pipeline.run`."""


@contextmanager
def bot_locks(pipeline: dlt.Pipeline, bot_ids: Iterable[int]) -> Iterator[None]:
    """Lock the bots in the pipeline's dataset, for this process.

    Raises:
        PipelineLockedError: another run has locked one of them; its text says which run.
        LoadFailedError: the destination cannot be reached or written.
    """
    take(pipeline, bot_ids, for_sync=True)
    try:
        yield
    finally:
        release(pipeline)


def are_written(pipeline: SupportsPipeline | None) -> bool:
    """Whether the locks of a pipeline are rows of a table, which a run makes if there is none."""
    return adapter_of(pipeline).locks is Leases


def take(pipeline: dlt.Pipeline, bot_ids: Iterable[int], for_sync: bool = False) -> None:
    """Lock bots for a pipeline, as far as it has not locked them before.

    Nothing happens if the destination has only one writer anyway, such as a DuckDB file, or no SQL.

    Raises:
        PipelineLockedError, LoadFailedError: as `bot_locks`; all of its locks are then released.
    """
    held = _HELD.pop(pipeline.working_dir, None)
    locks = held.locks if held else _new_locks(pipeline)
    if locks is None:
        return
    try:
        locks.take(bot_ids)
    except Exception as error:
        locks.release()
        if isinstance(error, ChatislavError):
            raise
        if adapter_of(pipeline) != Adapter():
            raise LoadFailedError("lock", type(error).__name__) from None
        logger.warning(NO_LOCK, type(error).__name__)
        return
    _HELD[pipeline.working_dir] = Held(locks, for_sync or bool(held and held.for_sync))


def _new_locks(pipeline: dlt.Pipeline) -> BotLocks | None:
    make = adapter_of(pipeline).locks
    client = pipeline.destination_client() if make else None
    if make is None or not isinstance(client, SqlJobClientBase):
        return None
    return make(client, Owner.of_this_process(pipeline.pipeline_name))


def check(pipeline: SupportsPipeline | None) -> None:
    """Check before a load that the pipeline still holds its locks.

    Raises:
        PipelineLockedError: it has lost one, so another run may load the same bot.
    """
    held = _HELD.get(pipeline.working_dir) if pipeline else None
    if held:
        held.locks.check()


def release(pipeline: SupportsPipeline) -> None:
    """Release the locks of a pipeline, if it has any."""
    held = _HELD.pop(pipeline.working_dir, None)
    if held:
        held.locks.release()


def begin_run(pipeline: SupportsPipeline) -> None:
    """Note that `pipeline.run` has begun."""
    _RUNNING.add(pipeline.working_dir)


def end_run(pipeline: SupportsPipeline) -> None:
    """Release what the resources have locked in this run; what a sync has locked stays."""
    _RUNNING.discard(pipeline.working_dir)
    held = _HELD.get(pipeline.working_dir)
    if held and not held.for_sync:
        release(pipeline)


def take_in_run(pipeline: SupportsPipeline | None, bot_ids: Iterable[int]) -> None:
    """Lock bots until the end of `pipeline.run`.

    A step that is called alone takes no lock: it is not known when its rows are loaded.

    Raises:
        PipelineLockedError, LoadFailedError: as `bot_locks`.
    """
    if pipeline and pipeline.working_dir in _RUNNING:
        take(cast(dlt.Pipeline, pipeline), bot_ids)
