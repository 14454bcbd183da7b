"""Reads a DuckDB file without a lock on it, also while another process writes it.

DuckDB refuses to open a file that another process writes, even to read. A copy can be read. A
checkpoint of the writer never changes blocks that the file's header refers to, and then replaces
the header; so a copy is consistent if the header stayed the same while it was made.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from chatislav_source.destinations.duckdb_file.access import explained, held_by, patiently

HEADER_BYTES = 3 * 4096  # of the main header and the two database headers that alternate
GAP_SECONDS = 1.0  # most syncs and readers close the file within it; a copy needs time and space
COPIES = 5  # tries; a sync makes a checkpoint every few seconds at most


@contextmanager
def read_only(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to a file, or to a copy of it while another process writes it.

    Raises:
        ConfigurationError: DuckDB cannot open the file.
        PipelineLockedError: it is written so often that no copy is consistent.
    """
    try:
        connection = patiently(lambda: duckdb.connect(str(path), read_only=True), GAP_SECONDS)
    except duckdb.Error as error:
        if held_by(str(error)) is None:
            raise explained(error, path) from None
        held = error
    else:
        with connection:
            yield connection
        return
    with (
        tempfile.TemporaryDirectory(prefix="chatislav-") as folder,
        _copy(path, Path(folder), held) as connection,
    ):
        yield connection


def _copy(path: Path, folder: Path, held: duckdb.Error) -> duckdb.DuckDBPyConnection:
    """A read-only connection to a consistent copy of the file and its log."""
    copy, log, copied_log = folder / path.name, Path(f"{path}.wal"), folder / f"{path.name}.wal"
    problem: duckdb.Error = held
    for _ in range(COPIES):
        before = _header(path)
        shutil.copyfile(path, copy)
        copied_log.unlink(missing_ok=True)
        if log.exists():
            shutil.copyfile(log, copied_log)
        if _header(path) == before:
            try:
                return duckdb.connect(str(copy), read_only=True)
            except duckdb.Error as error:
                problem = error
    raise explained(problem, path)


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)
