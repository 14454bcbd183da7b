"""A second sync right after the first, a sync after 1 % changed, and `--help`."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tests.benchmarks.measure import BOTS, CHATISLAV, SYNC, Row, process, scratch, served

CONVERSATIONS = 5_000  # of each of three bots
RUNS = 5


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of syncs with little to do."""
    chosen = [part for bot_id in BOTS for part in ("--bot-id", str(bot_id))]
    with served(CONVERSATIONS, bots=BOTS) as api, scratch() as folder:
        process([*SYNC, *chosen], api.environment, folder)
        again = [process([*SYNC, *chosen], api.environment, folder) for _ in range(RUNS)]
        api.mutate("new_message", len(BOTS) * CONVERSATIONS // 100)
        changed = process([*SYNC, *chosen], api.environment, folder)
        help_seconds = [process([CHATISLAV, "--help"], {}, folder).seconds for _ in range(RUNS)]
    report = again[-1].report["resources"]
    requests = sum(part["requests"] for part in report)
    written = sum(part["rows"] for part in report)
    yield Row(
        f"nothing new, 3 bots × {CONVERSATIONS:,}: {requests} requests, {written} rows written",
        f"{median(run.seconds for run in again):.2f} s",
    )
    yield Row(f"1 % of 3 × {CONVERSATIONS:,} changed", changed.shown())
    yield Row("`chatislav --help`", f"{median(help_seconds):.2f} s")
