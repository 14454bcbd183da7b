"""Reduces the memory of the command line, by settings of the garbage collector and allocator.

The package does not change these settings in a program that imports it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress

M_ARENA_MAX = -8  # glibc's option for the number of heaps of all threads
HEAPS = 2  # with a heap per thread, each heap would keep its freed memory
M_MMAP_THRESHOLD = -3  # glibc's option for the size from which memory is not taken from a heap
MAPPED_BYTES = 1024 * 1024  # glibc raises it to 32 MB, and then heaps grow by gaps in a long run
GC_THRESHOLD = 100_000  # new objects per collection; a page has thousands without cycles


def before_imports() -> None:
    """Choose the allocator of Arrow, and disable garbage collection during imports."""
    # Arrow reads this when it is imported; its other allocators keep some of the freed memory
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.disable()  # an import creates little garbage


def after_imports() -> None:
    """Make threads share small heaps, and collect garbage rarely and without imported objects."""
    _limit_heaps()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


def _limit_heaps() -> None:
    """Limit the heaps; only glibc has these options, so other C libraries are not changed."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(M_ARENA_MAX, HEAPS)
            libc.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
