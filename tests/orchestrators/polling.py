"""Waiting for something that another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.5  # each look costs the orchestrator some work, which its tasks would like to do


def until(true: Callable[[], Any], what: str, seconds: float = 240.0) -> Any:
    """Ask again and again; what `true` gives once that is something.

    Raises:
        TimeoutError: it was nothing for so long.
    """
    deadline = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)
    return found
