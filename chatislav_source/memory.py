"""Keeps a process that syncs small; for programs that do nothing else, as the command line."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

import pyarrow as pa
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

DUCKDB_LIMIT = "96MB"  # a merge of one chunk fits; what does not is spilled to disk
M_ARENA_MAX = -8  # glibc's name for how many heaps its threads may have
HEAPS = 2  # with a heap per thread, each would keep the pages it once held
GC_THRESHOLD = 100_000  # new objects before Python looks for cycles; a page has thousands, no cycle


def return_what_is_free() -> None:
    """Let freed memory go back to the system, from Arrow and from threads."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library: it has no such setting
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def look_for_garbage_less() -> None:
    """Have Python look for cycles more rarely, and not among what is imported by now."""
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def small_duckdb(path: str) -> DuckDbCredentials:
    """A DuckDB file, opened so that a load needs little memory and need not keep row order."""
    credentials = DuckDbCredentials(path)
    credentials.global_config = {"memory_limit": DUCKDB_LIMIT, "preserve_insertion_order": False}
    return credentials
