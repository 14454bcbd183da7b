"""This checkout beside another one, in one run: `python -m tests.benchmarks.compare FOLDER`.

FOLDER is a checkout of the commit to compare with, as `git worktree add FOLDER COMMIT` makes it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.measure import BOTS, ROOT, Measured, Served, process, scratch, served

SYNC = [sys.executable, "-m", "chatislav_source", "sync", "--pipelines-dir", "pipelines", "--json"]
RUNS = 5


@dataclass(frozen=True)
class Case:
    """Work that both do; `repeated` syncs again in a folder that was synced before."""

    name: str
    conversations: int
    bots: tuple[int, ...] = BOTS[:1]
    latency_seconds: float = 0.0
    repeated: bool = False


CASES = (
    Case("first load of 100,000 × 8, 0 ms", 100_000),
    Case("first load of 100,000 × 8, 50 ms", 100_000, latency_seconds=0.05),
    Case("20 small bots, 50 ms", 60, tuple(range(101, 121)), latency_seconds=0.05),
    Case("nothing new, 3 bots × 5,000", 5_000, BOTS, repeated=True),
)


def main(before: str) -> None:
    """Print a line for each case: medians of both, and the ratio of this checkout to `before`."""
    for case in CASES:
        pairs = list(measured_pairs(case, before))
        old, new = (median(pair[n].seconds for pair in pairs) for n in (0, 1))
        ratio = median(after.seconds / earlier.seconds for earlier, after in pairs)
        print(f"{case.name}: {old:.2f} s -> {new:.2f} s, ratio {ratio:.2f}")  # noqa: T201


def measured_pairs(case: Case, before: str) -> Iterator[tuple[Measured, Measured]]:
    """Runs of both in turn, so that a change of the machine's speed hits both."""
    with served(case.conversations, bots=case.bots) as api:
        api.configure(latency_seconds=case.latency_seconds)
        with scratch() as one, scratch() as other:
            run_old, run_new = runner(case, api, before, one), runner(case, api, ROOT, other)
            if case.repeated:
                run_old()
                run_new()
            for _ in range(RUNS):
                yield run_old(), run_new()


def runner(case: Case, api: Served, root: str, folder: str) -> Callable[[], Measured]:
    """Syncs with the code of a checkout; in an empty folder, unless the case is repeated."""
    command = [*SYNC, *(part for bot_id in case.bots for part in ("--bot-id", str(bot_id)))]

    def run() -> Measured:
        if case.repeated:
            return process(command, api.environment, folder, root)
        with scratch() as empty:
            return process(command, api.environment, empty, root)

    return run


if __name__ == "__main__":
    main(sys.argv[1])
