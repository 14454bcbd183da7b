"""Reads and writes the stored states of partitions, and checks which destination they describe.

dlt stores one resource state per stream, in the same load package as the rows it describes:

    bots      the state of each partition, by bot id as text; its fields are in
              `streams.conversations.state.FORMAT` and `streams.analytics.state.FORMAT`
    trusted   {"mark", "bots"}: the last load, and the bots whose digests match the tables exactly;
              see `row_digests.CommitMarker`

dlt finds a pipeline's local state by its name. If the same name loads into another database, that
state describes rows that only the first database has, and they would never be loaded into the
second. So the pipeline's folder has a fingerprint of its destination.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dlt

from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.streams.state import State

logger = logging.getLogger(__name__)

MARK = "chatislav_destination"


def keep_to_destination(pipeline: dlt.Pipeline) -> None:
    """Delete the local files of another destination; dlt then restores the state of this one."""
    mark = Path(pipeline.working_dir, MARK)
    current = fingerprint(pipeline)
    if mark.is_file() and mark.read_text() != current:
        logger.warning(
            "Pipeline %s loaded into another destination before; its state is taken from this one",
            pipeline.pipeline_name,
        )
        pipeline.drop()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(current)


def fingerprint(pipeline: dlt.Pipeline) -> str:
    """A hash of destination, credentials and dataset, which cannot be read from it."""
    config = pipeline.destination_client().config
    place = (config.destination_type, str(config.credentials), pipeline.dataset_name)
    return hashlib.blake2b(repr(place).encode(), digest_size=16).hexdigest()


def stored_states(resource_state: dict[str, Any], bot_ids: Iterable[int]) -> dict[int, Any]:
    """By bot, its stored state, not checked yet; None if there is none."""
    bots = _stored_bots(resource_state)
    return {bot_id: bots.get(str(bot_id)) for bot_id in bot_ids}


def newest_states(pages: Sequence[AnyPage]) -> dict[int, State]:
    """By bot, the checkpoint after its last page."""
    return {page.bot_id: page.checkpoint for page in pages}


def remember(resource_state: dict[str, Any], states: dict[int, State]) -> None:
    """Store the bots' states in the resource state; those of other bots stay."""
    stored = {str(bot_id): state for bot_id, state in states.items()}
    resource_state["bots"] = _stored_bots(resource_state) | stored


def _stored_bots(resource_state: dict[str, Any]) -> dict[str, Any]:
    bots = resource_state.get("bots")
    return bots if isinstance(bots, dict) else {}
