"""The pipeline that runs, and the kind of destination it loads into."""

from __future__ import annotations

from typing import cast

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext


def active_pipeline() -> dlt.Pipeline | None:
    """The pipeline that runs, or was made last in this thread.

    `dlt.current.pipeline()` would make one if there is none, and takes some milliseconds.
    """
    context = Container()[PipelineContext]
    return cast(dlt.Pipeline, context.pipeline()) if context.is_active() else None


def kind_of_destination(pipeline: dlt.Pipeline) -> str:
    """dlt's name of the kind, as `postgres`, whatever the user calls the destination."""
    kind: str = pipeline.destination.destination_type.rpartition(".")[2]
    return kind
