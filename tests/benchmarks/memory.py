"""Peak memory, flat however much is synced; and that DuckDB needs at most a third of its limit.

The second is tried with a third of the limit while busy loops occupy the cores, and without the
second try that would have more memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from statistics import median

from chatislav_source.destinations.duckdb_file.limited_memory import MEMORY_MEGABYTES
from chatislav_source.sandbox import Sandbox, World
from tests.benchmarks.measure import BOTS, SYNC, Row, Served, first_run, process, scratch, served

SIZES = (100_000, 1_000_000)
RUNS = 3  # of which the median is shown, as the peak differs by some MB from run to run
MARGIN = 3  # over the smallest limit with which everything loads
LONG_CONVERSATIONS, LONG_MESSAGES = 250, 8  # each
LONG_CHARACTERS = 20_000  # of a message
WITH_LIMIT = """
import sys
from chatislav_source.cli import process_memory
process_memory.before_imports()
from chatislav_source.destinations import duckdb
from chatislav_source.destinations.duckdb_file import limited_memory
limited_memory.MEMORY_MEGABYTES, duckdb.MORE_MEMORY = int(sys.argv.pop(1)), 1
from chatislav_source.cli.commands import main
main()
"""


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of memory."""
    peaks = []
    for conversations in SIZES:
        with served(conversations) as api:
            # a large load takes long, and its peak differs little
            runs = RUNS if conversations == SIZES[0] else 1
            peaks.append(median(_peak(api) for _ in range(runs)))
            what = f"first load of {conversations:,} × 8"
            yield Row(f"peak memory, {what}", f"{peaks[-1]:.0f} MB", f"{peaks[-1] / peaks[0]:.2f}")
            if conversations == SIZES[-1]:
                yield _with_less_memory(what, api)
    yield from _long_messages()


def _peak(api: Served) -> float:
    """Of a first load, in MB."""
    return first_run([*SYNC, "--bot-id", str(BOTS[0])], api).megabytes


def _long_messages() -> Iterator[Row]:
    """The same of few messages that are long: they are loaded, then all of them change."""
    today = datetime.now(UTC).date()
    world = World.generate((BOTS[0],), conversations=LONG_CONVERSATIONS, last_day=today, seed=1)
    _replace_messages(world, 0)
    what = f"{LONG_CONVERSATIONS * LONG_MESSAGES:,} messages of {LONG_CHARACTERS // 1000} kB"
    with Sandbox(world) as sandbox:
        api = Served(sandbox.base_url)
        yield Row(f"peak memory, first load of {what}", f"{_peak(api):.0f} MB")
        yield _with_less_memory(
            f"{what}, and again when all have changed", api, lambda: _replace_messages(world, 1)
        )


def _replace_messages(world: World, version: int) -> None:
    text = ("Dobar dan, " * LONG_CHARACTERS)[:LONG_CHARACTERS]
    for conversation in world.conversations(BOTS[0]):
        messages = [
            {"id": f"{number}", "role": "user", "content": f"{version} {number} {text}"}
            for number in range(LONG_MESSAGES)
        ]
        world.put(BOTS[0], {**conversation, "messages": messages})


def _with_less_memory(what: str, api: Served, change: Callable[[], None] | None = None) -> Row:
    """Whether DuckDB loads with a part of its limit on a busy machine.

    Raises:
        RuntimeError: a load failed.
    """
    limit = MEMORY_MEGABYTES // MARGIN
    command = [sys.executable, "-c", WITH_LIMIT, str(limit), *SYNC[1:], "--bot-id", str(BOTS[0])]
    with _busy_cores(), scratch() as folder:
        process(command, api.environment, folder)
        if change:
            change()
            process(command, api.environment, folder)
    return Row(f"DuckDB with {limit} MB, all cores busy: {what}", "loads", f"{1 / MARGIN:.2f}")


@contextmanager
def _busy_cores() -> Iterator[None]:
    """A busy loop on each core."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        yield
