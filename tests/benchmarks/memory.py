"""Peak memory: flat however much is synced, and with huge conversations."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tests.benchmarks.measure import BOTS, SYNC, Row, Served, first_run, served

SIZES = (10_000, 200_000)
LONG_MESSAGES = 2_000
RUNS = 3  # of which the median is shown, as the peak differs by some MB from run to run


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of memory."""
    peaks = []
    for conversations in SIZES:
        with served(conversations) as api:
            peaks.append(median(_peak(api) for _ in range(RUNS)))
        yield Row(
            f"peak memory, first load of {conversations:,} × 8",
            f"{peaks[-1]:.0f} MB",
            f"{peaks[-1] / peaks[0]:.2f}",
        )
    with served(20, messages=LONG_MESSAGES) as api:
        yield Row(f"peak memory, 20 × {LONG_MESSAGES:,} messages", f"{_peak(api):.0f} MB")


def _peak(api: Served) -> float:
    """Of a first load, in MB."""
    return first_run([*SYNC, "--bot-id", str(BOTS[0])], api).megabytes
