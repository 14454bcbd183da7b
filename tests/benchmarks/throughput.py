"""A first full load into an empty DuckDB file, beside the floor and dlt's own rest_api source."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.measure import (
    BOTS,
    SYNC,
    Measured,
    Row,
    Served,
    contender,
    first_run,
    middle,
    served,
)

RUNS = 5
CONVERSATIONS = 100_000
CONTENDERS = {
    "sync": "`chatislav sync`",
    "floor": "floor: fetch to disk, DuckDB `read_json`, no state, no merge",
    "rest_api_parquet": "dlt `rest_api`, parquet",
    "rest_api": "dlt `rest_api` as documented",
}
ONCE = ["rest_api"]  # it takes minutes and gigabytes; in the middle, as a machine's speed drifts


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of throughput: the median of interleaved runs."""
    runs: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    others = [name for name in CONTENDERS if name not in ONCE]
    with served(CONVERSATIONS) as api:
        for name in [*others * (RUNS // 2), *ONCE, *others * (RUNS - RUNS // 2)]:
            runs[name].append(once(name, api))
    measured = {name: middle(values) for name, values in runs.items()}
    for name, what in CONTENDERS.items():
        ratio = measured[name].seconds / measured["sync"].seconds
        yield Row(
            f"first load, {CONVERSATIONS:,} × 8: {what}", measured[name].shown(), f"{ratio:.2f}"
        )


def once(name: str, api: Served) -> Measured:
    """One run in an empty folder."""
    command = [*SYNC, "--bot-id", str(BOTS[0])] if name == "sync" else contender(name, api)
    return first_run(command, api)
