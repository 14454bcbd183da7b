"""Waits for an effect of other threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def soon(is_true: Callable[[], bool]) -> bool:
    """Whether a condition becomes true within some seconds."""
    deadline = time.monotonic() + 10
    pause = threading.Event()
    while not is_true() and time.monotonic() < deadline:
        pause.wait(0.002)
    return is_true()
