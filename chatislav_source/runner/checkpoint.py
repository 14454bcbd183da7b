"""Sees that the pipeline's local files belong to the destination it loads into now.

dlt keeps a pipeline's state by its name. Where the same name loads into another database, the state
of the one would be believed for the other, and what the other lacks would never be read.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import dlt

logger = logging.getLogger(__name__)

MARK = "chatislav_destination"


def keep_to_destination(pipeline: dlt.Pipeline) -> None:
    """Forget local files that are of another destination; dlt then restores the right ones."""
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
    """Differs where the place that rows go to differs; tells nothing else of it."""
    config = pipeline.destination_client().config
    place = (config.destination_type, str(config.credentials), pipeline.dataset_name)
    return hashlib.blake2b(repr(place).encode(), digest_size=16).hexdigest()
