"""Peak memory: flat however much is synced, and with huge conversations."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.measure import BOTS, SYNC, Row, process, scratch, served

SIZES = (10_000, 200_000)
LONG_MESSAGES = 2_000


def rows() -> Iterator[Row]:
    """What the README's table shows of memory."""
    peaks = []
    for conversations in SIZES:
        with served(conversations) as api, scratch() as folder:
            run = process([*SYNC, "--bot-id", str(BOTS[0])], api.environment, folder)
        peaks.append(run.megabytes)
        yield Row(
            f"peak memory, first load of {conversations:,} × 8",
            f"{run.megabytes:.0f} MB",
            f"{run.megabytes / peaks[0]:.2f}",
        )
    with served(20, messages=LONG_MESSAGES) as api, scratch() as folder:
        run = process([*SYNC, "--bot-id", str(BOTS[0])], api.environment, folder)
    yield Row(f"peak memory, 20 × {LONG_MESSAGES:,} messages", f"{run.megabytes:.0f} MB")
