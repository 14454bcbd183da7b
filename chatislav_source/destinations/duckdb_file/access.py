"""Whether a DuckDB file can be opened, what to do if not, and waiting for a file that is held."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

from chatislav_source.errors import (
    ChatislavError,
    ConfigurationError,
    DiskFullError,
    PipelineLockedError,
)

logger = logging.getLogger(__name__)

Opened = TypeVar("Opened")

PAUSE_SECONDS = 0.05  # between two tries; a reader that polls leaves short gaps

LOCKED = re.compile('Could not set lock on file "([^"]*)"')
HOLDER = re.compile(r"Conflicting lock is held in (?:.*/)?(.+?) \(PID (\d+)\)")

HELD = "The DuckDB file {path} is held by another process{holder}."
CLOSE = (
    " DuckDB allows one writer at a time. Close the other program (also a notebook or a DuckDB "
    "shell) and run again; nothing is lost."
)
NOT_DUCKDB = (
    "{path} is not a DuckDB database, or is damaged. Give another --database, or move it away."
)
PROBLEMS = {
    r"newer version of DuckDB|we can only read version": (
        "{path} was written by a newer version of DuckDB than this one ({version}). The file is "
        "good: keep it, and upgrade with `pip install --upgrade duckdb`, or give another "
        "--database."
    ),
    r"Permission denied|Read-only file system|Operation not permitted": (
        "This user may not write {path}. Give the user the right to write it and its folder, or "
        "give another --database."
    ),
    r"encrypt": ("{path} is encrypted, which this command cannot open. Give another --database."),
    r"not a valid DuckDB database": NOT_DUCKDB,
}
UNKNOWN = (
    "DuckDB cannot open {path}: {reason} Keep the file until the reason is known, or give another "
    "--database."
)


def check_file(path: Path, dataset: str, wait_seconds: float = 0.0) -> None:
    """Check that a DuckDB file can be written or created.

    Raises:
        ConfigurationError: DuckDB cannot open the file, its folder is missing or read-only, or the
            dataset and the file have the same name, which is ambiguous in DuckDB.
        PipelineLockedError: another process still has the file open after `wait_seconds`.
    """
    if dataset.lower() == path.stem.lower():
        raise ConfigurationError(
            f"A DuckDB file and its dataset cannot have the same name: {path.name} and {dataset}. "
            "Give another --database or --dataset."
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder of {path} does not exist; create it.")
    if not path.exists():
        _check_folder(path)
        return
    try:
        patiently(lambda: duckdb.connect(str(path)), wait_seconds).close()
    except duckdb.Error as error:
        raise explained(error, path) from None


def _check_folder(path: Path) -> None:
    """Check that a file can be created, with a temporary one that has no name."""
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        if DiskFullError.is_cause(error):
            raise DiskFullError from None
        raise ConfigurationError(
            f"{path} cannot be created ({error.strerror}). Give this user the right to write its "
            "folder, or give another --database."
        ) from None


def patiently(connect: Callable[[], Opened], wait_seconds: float) -> Opened:
    """What `connect` returns, tried again for `wait_seconds` while another process has the file.

    Raises:
        duckdb.Error: by the last try.
    """
    deadline = time.monotonic() + wait_seconds
    is_first = True
    while True:
        try:
            return connect()
        except duckdb.IOException as error:
            held = held_by(str(error))
            if held is None or time.monotonic() >= deadline:
                raise
            if is_first:
                logger.warning("%s Waiting for it, up to %g s.", held, wait_seconds)
            is_first = False
        time.sleep(PAUSE_SECONDS)


def explained(error: duckdb.Error, path: Path) -> ChatislavError:
    """What it means that DuckDB cannot open a file, and what to do."""
    text = str(error)
    locked = locked_error(text)
    if locked:
        return locked
    if DiskFullError.is_cause(error):
        return DiskFullError()
    known = next((say for cause, say in PROBLEMS.items() if re.search(cause, text)), UNKNOWN)
    reason = text.partition("\n")[0].strip().rstrip(".") + "."
    version = duckdb.__version__
    return ConfigurationError(known.format(path=path, reason=reason, version=version))


def locked_error(text: str) -> PipelineLockedError | None:
    """The error if the text of a DuckDB error says that another process has the file open."""
    held = held_by(text)
    return PipelineLockedError(held + CLOSE) if held else None


def held_by(text: str) -> str | None:
    """Who has which file open, as the text of a DuckDB error says; None if it is another error."""
    locked, holder = LOCKED.search(text), HOLDER.search(text)
    name = f", {holder[1]} (PID {holder[2]})" if holder else ""
    return HELD.format(path=locked[1], holder=name) if locked else None
