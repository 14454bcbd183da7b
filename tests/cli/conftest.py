"""What the command changes in its process is undone after each test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """The log of dlt, which the command hides, and that of the package."""
    ours, of_dlt = logging.getLogger("chatislav_source"), logging.getLogger("dlt")
    before = (ours.handlers, ours.propagate, ours.level, list(of_dlt.filters))
    yield
    ours.handlers, ours.propagate = before[0], before[1]
    ours.setLevel(before[2])
    of_dlt.filters[:] = before[3]
