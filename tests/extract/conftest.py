"""Worker pools that are closed at the end of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatislav_source.extract.worker_pool import WorkerPool

from .steps import Steps, pool_of


@pytest.fixture
def begin() -> Iterator[Callable[..., WorkerPool]]:
    """Creates pools of partitions and closes them at the end."""
    begun: list[WorkerPool] = []

    def make(*partitions: Steps, **more: Any) -> WorkerPool:
        begun.append(pool_of(partitions, **more))
        return begun[-1]

    yield make
    for pool in begun:
        pool.close()
