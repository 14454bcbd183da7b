"""The dlt pipeline of a task, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import dlt


@contextmanager
def task_pipeline(
    name: str, destination: str, dataset: str, pipelines_dir: str | None = None
) -> Iterator[dlt.Pipeline]:
    """A pipeline for one task; tasks that run at the same time each need another `name`.

    Without `pipelines_dir` the folder is temporary: the state is restored from the destination.
    """
    with TemporaryDirectory() as temporary:
        yield dlt.pipeline(
            name,
            destination=destination,
            dataset_name=dataset,
            pipelines_dir=pipelines_dir or temporary,
        )
