"""How much memory DuckDB may use in the command line, and when it gives memory back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import duckdb

# With one thread DuckDB needs 56 MB to load 2,000 messages of 20 kB and changes of all of them, and
# 24 MB to load 200,000 conversations of 8 messages; with two threads the former needs 96 MB.
MEMORY_MEGABYTES = 192
THREADS = 1  # each needs its own memory; the default is the number of cores
FREE_MEMORY_FROM = "2MB"  # freed at once; with the default of 512 MB DuckDB keeps 10 MB more
KEPT_CACHE = "16MB"  # of blocks before each statement; DuckDB would keep them up to its limit


class LimitedMemory(dict[str, Any]):
    """The DuckDB settings of the command line: a memory limit, and no order of rows."""

    def __init__(self) -> None:
        super().__init__(
            threads=THREADS,
            preserve_insertion_order=False,
            allocator_bulk_deallocation_flush_threshold=FREE_MEMORY_FROM,
        )
        self.megabytes = MEMORY_MEGABYTES

    @property
    def megabytes(self) -> int:
        """The memory limit in megabytes."""
        return int(self["memory_limit"].removesuffix("MB"))

    @megabytes.setter
    def megabytes(self, number: int) -> None:
        self["memory_limit"] = f"{number}MB"

    def drop_cache(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give cached blocks back to the system, and all memory that was freed, also by Python.

        No other statement may run meanwhile. DuckDB has no statement for it, but a lower limit has
        this effect.
        """
        with suppress(duckdb.OutOfMemoryException):  # raised after it has given back what it can
            connection.execute(f"SET GLOBAL memory_limit = '{KEPT_CACHE}'")
        connection.execute(f"SET GLOBAL memory_limit = '{self['memory_limit']}'")

    def postpone_vacuum(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Leave it to the next process to join row groups that appends did not fill.

        DuckDB does this at each checkpoint, and takes about 160 MB for 500,000 messages, while
        pages are being read. After a first load it has to be done once, not after each package.
        """
        self["max_vacuum_tasks"] = 0
        connection.execute("SET GLOBAL max_vacuum_tasks = 0")
