"""A process that syncs and can be killed: imports once, then forks for each attempt.

Reads a JSON object a line: the folder, the arguments of `sync`, and on which event to die. Events
are files opened, moved or removed in that folder, so that a kill may happen anywhere in extract,
normalize and load; or statements that delete rows of the tables. With a `phone` the attempt erases
it instead of a sync. Writes the pid of each attempt, then its exit status.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from chatislav_source.destinations import duckdb
from chatislav_source.extract import load_limit, worker_pool
from chatislav_source.streams.conversations import window_retries, window_sizer

window_retries.MAX_PAGE_SIZE = 10
window_sizer.FIRST_WINDOW_DAYS = 1
window_sizer.ROWS_PER_WINDOW = 40
load_limit.PACKAGE_BYTES = 60_000
worker_pool.BUFFER_BYTES = 30_000
duckdb.APPEND_FROM_ROWS = 10

import dlt  # noqa: E402 - the constants come first: others import their values
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient  # noqa: E402

from chatislav_source import PipelineLockedError, sync  # noqa: E402
from chatislav_source.privacy.erasure import Identity  # noqa: E402
from chatislav_source.privacy.hashing import keys_of  # noqa: E402
from chatislav_source.runner.erasure.forget import forget  # noqa: E402
from tests import memoized_dlt  # noqa: E402

memoized_dlt.memoize()

BUSY = 75
DELETIONS = "DELETE"


def main() -> None:
    """Run the attempts read from stdin, until it ends."""
    logging.disable(logging.CRITICAL)
    gc.freeze()  # no attempt walks through what was imported
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            attempt(order)
        say(pid)
        _, status = os.waitpid(pid, 0)
        say(os.waitstatus_to_exitcode(status))


def say(value: int) -> None:
    """Write a number on a line."""
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


def attempt(order: dict[str, Any]) -> None:
    """One sync, in a process of its own."""
    folder = Path(order["folder"])
    status = 70
    try:
        if order["dies_on"] == DELETIONS:
            die_after_deletions(order["dies_at"])
        elif order["dies_at"]:
            die_at(order["dies_at"], re.compile(order["dies_on"]), folder / "killed_at.txt")
        pipeline = dlt.pipeline(
            "exact",
            destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
            dataset_name="chatislav",
            pipelines_dir=str(folder / "pipelines"),
        )
        if "phone" in order:
            keys = keys_of(order["arguments"]["privacy"]["key"], None)
            forget(pipeline, keys, [Identity("phone", order["phone"])])
            status = 0
        else:
            status = 0 if sync(pipeline, **order["arguments"]).complete else 1
    except PipelineLockedError:
        status = BUSY
    finally:
        os._exit(status)


def die_at(number: int, path: re.Pattern[str], note: Path) -> None:
    """End as by `kill -9` at the event with this number on such a path; note the event."""
    left = number
    dying = False
    inside = str(note.parent)

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left, dying
        touched = " ".join(map(str, arguments[:2]))  # a file is moved from one path to another
        if dying or inside not in touched or not path.search(touched):
            return
        left -= 1
        if left <= 0:
            dying = True
            with note.open("a") as file:
                file.write(f"{event} {arguments[:2]}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def die_after_deletions(number: int) -> None:
    """End as by `kill -9` after so many statements that delete rows of our own tables."""
    execute, left = DuckDbSqlClient.execute_sql, number

    def count(client: Any, sql: Any, *values: Any, **more: Any) -> Any:
        nonlocal left
        result = execute(client, sql, *values, **more)
        is_deletion = str(sql).startswith("DELETE") and "_dlt_" not in str(sql)
        left -= is_deletion
        if is_deletion and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    DuckDbSqlClient.execute_sql = count  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
