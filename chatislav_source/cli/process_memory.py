"""Keeps the process of the command line small: Python's garbage collector and the C allocator.

A program that imports the package decides about both itself.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress

M_ARENA_MAX = -8  # glibc's name for how many heaps its threads may have
HEAPS = 2  # with a heap per thread, each would keep the pages it once held
GC_THRESHOLD = 100_000  # new objects before Python looks for cycles; a page has thousands, no cycle


def before_imports() -> None:
    """Choose the allocator of Arrow, and look for no garbage while modules are imported."""
    # Arrow reads it when it is imported; each of its other allocators keeps some of what was freed
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.disable()  # an import makes little that is not kept


def after_imports() -> None:
    """Let threads share heaps, and look for cycles rarely, and not among what was imported."""
    _share_heaps()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


def _share_heaps() -> None:
    """Only glibc has this setting; another C library is left alone."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)
