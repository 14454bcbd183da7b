"""A year of five bots, cut by month and bot into tasks for several worker processes.

That is what an orchestrator with several machines does; here its workers are processes on one, and
up before the clock starts, as its are. The server is slow and each process may send two requests
at once, so that waiting is what takes the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from tempfile import TemporaryDirectory
from typing import Any

import dlt

from chatislav_source import LoadFailedError, sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, Settings, World
from tests.benchmarks.measure import Row
from tests.destinations.servers.postgres import postgres_server
from tests.orchestrators.loaded import DATASET, RowDigests

BOTS = (101, 102, 103, 104, 105)
DAYS = 365
CONVERSATIONS = 1_000  # per bot
LATENCY_SECONDS = 0.5
REQUESTS_AT_ONCE = 2  # per process
WORKERS = 4
START_SECONDS = 60.0  # for the workers to be up
TRIES = 4  # as an orchestrator would: the first tasks make the tables, and only one of them can

LAST_DAY = datetime.now(UTC).date() - timedelta(days=1)
FIRST_DAY = LAST_DAY - timedelta(days=DAYS - 1)

Days = tuple[date, date]


def rows() -> Iterator[Row]:
    """The time of one process, and of several with its ratio."""
    world = World.generate(bot_ids=BOTS, conversations=CONVERSATIONS, days=DAYS, last_day=LAST_DAY)
    settings = Settings(latency_seconds=LATENCY_SECONDS, prerender=True)
    with Sandbox(world, settings) as api:
        alone = seconds_of([("year", list(BOTS), (FIRST_DAY, LAST_DAY))], 1, api, world)
        longest_first = sorted(months(), key=lambda days: days[0] - days[1])
        tasks = [(f"{b}_{days[0]:%Y_%m}", [b], days) for days in longest_first for b in BOTS]
        together = seconds_of(tasks, WORKERS, api, world)
    yield Row(f"a year of {len(BOTS)} bots into Postgres, one process", f"{alone:.0f} s", "1.0")
    what = f"the same in {len(tasks)} tasks by month and bot on {WORKERS} workers"
    yield Row(what, f"{together:.0f} s", f"{alone / together:.1f}")


def months() -> list[Days]:
    """The year, cut at the ends of months."""
    starts = [FIRST_DAY]
    while (
        following := (starts[-1].replace(day=1) + timedelta(days=32)).replace(day=1)
    ) <= LAST_DAY:
        starts.append(following)
    ends = [start - timedelta(days=1) for start in starts[1:]] + [LAST_DAY]
    return list(zip(starts, ends, strict=True))


def seconds_of(
    tasks: list[tuple[str, list[int], Days]], workers: int, api: Sandbox, world: World
) -> float:
    """How long the tasks take into an empty Postgres.

    Raises:
        RuntimeError: what was loaded is not the truth.
    """
    context = get_context("spawn")
    all_up = context.Barrier(workers + 1, timeout=START_SECONDS)
    with (
        postgres_server() as url,
        ProcessPoolExecutor(workers, context, wait_for, (all_up,)) as pool,
    ):
        for _ in range(workers):  # one is started per task, as long as none is idle
            pool.submit(int)
        all_up.wait()
        began = time.perf_counter()
        for result in [pool.submit(load, url, api.base_url, *task) for task in tasks]:
            result.result()
        seconds = time.perf_counter() - began
        wrong = RowDigests(url).wrong(world, BOTS, FIRST_DAY, LAST_DAY)
        if wrong:
            raise RuntimeError(f"{len(wrong)} differences, as {wrong[:5]}")
    return seconds


def wait_for(barrier: Barrier) -> None:
    """Be up; this module, and so dlt, has been imported by now."""
    barrier.wait()


def load(url: str, base_url: str, name: str, bots: list[int], days: Days) -> None:
    """One task: a pipeline of its own, in a folder that is thrown away."""
    for tries_left in reversed(range(TRIES)):
        with TemporaryDirectory() as folder:
            pipeline = dlt.pipeline(
                f"chatislav_{name}",
                destination=dlt.destinations.postgres(url),
                dataset_name=DATASET,
                pipelines_dir=folder,
            )
            given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": base_url}
            try:
                report = sync(
                    pipeline,
                    bot_ids=bots,
                    start_date=days[0],
                    end_date=days[1],
                    max_concurrency=REQUESTS_AT_ONCE,
                    **given,
                )
            except LoadFailedError:
                if not tries_left:
                    raise
                continue
        if not report.complete:
            raise RuntimeError("; ".join(report.errors))
        return
