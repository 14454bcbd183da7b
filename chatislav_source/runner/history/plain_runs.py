"""Records new versions after the load of a plain `pipeline.run`, which `sync` does by itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

import dlt
from dlt.common.pipeline import LoadInfo, SupportsPipeline

from chatislav_source.destinations.dlt_internals import TrackingModule, add_tracking_module
from chatislav_source.errors import ChatislavError
from chatislav_source.runner.history.follow import follow

logger = logging.getLogger(__name__)

NOT_RECORDED = "The history was not brought up to date. The next run does it. %s"


class HistoryHook(TrackingModule):
    """A tracking module, which dlt calls at every step of every pipeline.

    dlt ignores its errors. Nothing is lost by one: the next run begins with what is not recorded.
    """

    def __init__(self) -> None:
        self._followed: dict[str, tuple[set[str], Sequence[int]]] = {}

    def note(self, pipeline: SupportsPipeline, stream: str, bot_ids: Sequence[int]) -> None:
        """Note that the run of a pipeline keeps the history of a stream."""
        streams, _ = self._followed.get(pipeline.working_dir, (set(), ()))
        self._followed[pipeline.working_dir] = streams | {stream}, bot_ids

    def on_start_trace(self, trace: Any, step: str, pipeline: Any) -> None:
        """Forget what was noted in a run that failed before its load."""
        del trace
        if step in ("run", "extract"):
            self._followed.pop(pipeline.working_dir, None)

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Record the new versions of a load, while its bots are locked."""
        del trace, send_state
        if step.step != "load" or not isinstance(step_info, LoadInfo):
            return
        streams, bot_ids = self._followed.pop(pipeline.working_dir, (set(), ()))
        try:
            follow(cast(dlt.Pipeline, pipeline), streams, bot_ids, step_info.loads_ids)
        except ChatislavError as error:
            logger.warning(NOT_RECORDED, error)


HISTORY_HOOK = HistoryHook()


def keep_history(pipeline: SupportsPipeline, stream: str, bot_ids: Sequence[int]) -> None:
    """Have the new versions of a stream recorded after the load of this run."""
    add_tracking_module(HISTORY_HOOK)
    HISTORY_HOOK.note(pipeline, stream, bot_ids)
