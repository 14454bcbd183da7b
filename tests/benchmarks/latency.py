"""Concurrency: the gain of eight requests in flight over one, at 50 ms each."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.measure import BOTS, SYNC, Row, first_run, middle, served

LATENCY_SECONDS = 0.05
RUNS = {1: 1, 8: 3}  # by requests in flight; the median, as a short run is hit harder by any pause
CASES = {"one big bot": ((BOTS[0],), 100_000), "many small bots": (tuple(range(101, 121)), 60)}


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of latency."""
    for name, (bots, conversations) in CASES.items():
        chosen = [part for bot_id in bots for part in ("--bot-id", str(bot_id))]
        with served(conversations, bots=bots) as api:
            api.configure(latency_seconds=LATENCY_SECONDS)
            seconds = {}
            for in_flight, times in RUNS.items():
                command = [*SYNC, *chosen, "--max-concurrency", str(in_flight)]
                runs = [first_run(command, api) for _ in range(times)]
                seconds[in_flight] = middle(runs).seconds
        yield Row(
            f"50 ms a request, {name}: one at a time → eight in flight",
            f"{seconds[1]:.1f} s → {seconds[8]:.1f} s",
            f"{seconds[1] / seconds[8]:.2f}",
        )
