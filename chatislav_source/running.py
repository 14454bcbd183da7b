"""The pipeline that runs, and the kind of destination it loads into."""

from __future__ import annotations

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext


def active_pipeline() -> dlt.Pipeline | None:
    """The pipeline that runs, or was made last in this thread; dlt's own way would make one."""
    return dlt.current.pipeline() if Container()[PipelineContext].is_active() else None


def kind_of_destination(pipeline: dlt.Pipeline) -> str:
    """dlt's name of the kind, as `postgres`, whatever the user calls the destination."""
    kind: str = pipeline.destination.destination_type.rpartition(".")[2]
    return kind
