"""Keeps a process that syncs small; for programs that do nothing else, as the command line."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

# DuckDB takes what it may, and each of its threads needs its own: as many as there are cores, which
# is the default, would not fit. With 44 MB an append of millions of rows was seen to fail.
TO_APPEND = (48, 1)  # MB and threads
TO_MERGE = (96, 2)
VECTOR_ROWS = 2048  # that DuckDB works on at once: however long their texts are, they must fit
LIGHT_BYTES = 4_000_000  # of such rows have room within the limits above
VECTOR_COPIES = 4  # of such rows may be there at once; three were seen to be enough
PART_ROWS = 512  # of which the size is asked for, as to ask for each row takes long
GIVEN_BACK_FROM = "2MB"  # that DuckDB frees at once; by its default, 512 MB, it keeps 10 MB more
# dlt puts it off until the file is closed, and all would be written to the log first; DuckDB takes
# a text for 16 bytes here, however long it is
CHECKPOINT_SOON = "SET GLOBAL checkpoint_threshold = '4MB'"
M_ARENA_MAX = -8  # glibc's name for how many heaps its threads may have
HEAPS = 2  # with a heap per thread, each would keep the pages it once held
GC_THRESHOLD = 100_000  # new objects before Python looks for cycles; a page has thousands, no cycle


def keep_few_heaps() -> None:
    """Let threads share what others freed."""
    _glibc("mallopt", M_ARENA_MAX, HEAPS)


def _glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc; another C library has no such one, and is left alone."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL(None), name)(*arguments)


def look_for_garbage_less() -> None:
    """Have Python look for cycles more rarely, and not among what is imported by now."""
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


class HeaviestRows:
    """At most so many `bytes` have any `VECTOR_ROWS` that follow each other in what was added."""

    def __init__(self) -> None:
        self.bytes = 0
        self._last: deque[tuple[int, int]] = deque()  # rows and bytes of parts

    def add(self, rows: pa.Table) -> None:
        """More rows, which follow those that were added before."""
        for first in range(0, rows.num_rows, PART_ROWS):
            part = rows.slice(first, PART_ROWS)
            while sum(number for number, _ in islice(self._last, 1, None)) >= VECTOR_ROWS:
                self._last.popleft()
            self._last.append((part.num_rows, part.nbytes))
            self.bytes = max(self.bytes, sum(size for _, size in self._last))


def limits(merges: bool, heaviest: int = 0) -> dict[str, Any]:
    """What DuckDB may take for a load, with `heaviest` bytes in the `HeaviestRows`."""
    megabytes, threads = TO_MERGE if merges else TO_APPEND
    more = VECTOR_COPIES * max(0, heaviest - LIGHT_BYTES) // 1_000_000
    return {"memory_limit": f"{megabytes + more}MB", "threads": threads}


class SmallDuckDb(dict[str, Any]):
    """DuckDB's settings where a load needs little memory and need not keep row order."""

    def __init__(self) -> None:
        super().__init__(
            limits(merges=True),
            preserve_insertion_order=False,
            allocator_bulk_deallocation_flush_threshold=GIVEN_BACK_FROM,
        )


def small_duckdb(path: str) -> DuckDbCredentials:
    """A DuckDB file with the settings of `SmallDuckDb`."""
    credentials = DuckDbCredentials(path)
    credentials.global_config = SmallDuckDb()
    credentials.statements = [CHECKPOINT_SOON]
    return credentials


def fit_duckdb(pipeline: dlt.Pipeline, merges: bool, heaviest: int = 0) -> None:
    """Let DuckDB have the `limits` of the next load, where it was opened by `small_duckdb`.

    What was freed while reading is given back, as DuckDB has an allocator of its own.
    """
    credentials = pipeline.destination.config_params.get("credentials")
    given = getattr(credentials, "global_config", None)
    if isinstance(given, SmallDuckDb):
        given.update(limits(merges, heaviest))
        _glibc("malloc_trim", 0)
