"""Requests in flight: what eight at once gain over one after another, at 50 ms each."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.measure import BOTS, SYNC, Row, process, scratch, served

LATENCY_SECONDS = 0.05
CASES = {"one big bot": ((BOTS[0],), 100_000), "many small bots": (tuple(range(101, 121)), 60)}


def rows() -> Iterator[Row]:
    """What the README's table shows of latency."""
    for name, (bots, conversations) in CASES.items():
        chosen = [part for bot_id in bots for part in ("--bot-id", str(bot_id))]
        with served(conversations, bots=bots) as api:
            api.configure(latency_seconds=LATENCY_SECONDS)
            seconds = {}
            for in_flight in (1, 8):
                with scratch() as folder:
                    command = [*SYNC, *chosen, "--max-concurrency", str(in_flight)]
                    seconds[in_flight] = process(command, api.environment, folder).seconds
        yield Row(
            f"50 ms a request, {name}: one at a time → eight in flight",
            f"{seconds[1]:.1f} s → {seconds[8]:.1f} s",
            f"{seconds[1] / seconds[8]:.2f}",
        )
