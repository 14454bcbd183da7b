"""Waits for an effect of another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.5  # each check uses CPU that the tasks of the orchestrator need


def until(true: Callable[[], Any], what: str, seconds: float = 240.0) -> Any:
    """Call `true` repeatedly; returns its first true result.

    Raises:
        TimeoutError: it had no true result in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)
    return found
