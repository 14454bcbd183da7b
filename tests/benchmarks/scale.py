"""The cost per conversation, from a thousand to a million: time, requests, memory, state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.benchmarks.measure import BOTS, SYNC, Row, process, scratch, served

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MESSAGES = 2  # so that a million fit this machine; the days grow with the size
PER_DAY = 1_000


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of scale."""
    for conversations in SIZES:
        days = max(10, conversations // PER_DAY)
        with served(conversations, days=days, messages=MESSAGES) as api, scratch() as folder:
            first_day = datetime.now(UTC).date() - timedelta(days=days)
            command = [*SYNC, "--bot-id", str(BOTS[0]), "--start-date", str(first_day)]
            run = process(command, api.environment, folder)
            state = Path(folder, "pipelines", "chatislav_sync", "state.json").stat().st_size
        part = run.report["resources"][0]
        yield Row(
            f"scale, {conversations:,} × {MESSAGES}: {part['requests']:,} requests, "
            f"{run.megabytes:.0f} MB, {state / 1024:.1f} kB of state",
            f"{run.seconds:.1f} s",
            f"{1e6 * run.seconds / conversations:.0f} µs each",
        )
