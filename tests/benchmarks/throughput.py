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
    middle,
    process,
    scratch,
    served,
)

RUNS = 3
CONVERSATIONS = 100_000
SLOW_CONVERSATIONS = 20_000  # rest_api as documented takes minutes and gigabytes at 100,000


def first_load(conversations: int, names: list[str], runs: int) -> dict[str, Measured]:
    """Each contender's median over interleaved runs, each in an empty folder."""
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    with served(conversations) as api:
        for _ in range(runs):
            for name in names:
                measured[name].append(_once(name, api))
    return {name: middle(values) for name, values in measured.items()}


def _once(name: str, api: Served) -> Measured:
    command = [*SYNC, "--bot-id", str(BOTS[0])] if name == "sync" else contender(name, api)
    with scratch() as folder:
        return process(command, api.environment, folder)


def rows() -> Iterator[Row]:
    """What the README's table shows of throughput."""
    big = first_load(CONVERSATIONS, ["sync", "floor", "rest_api_parquet"], RUNS)
    small = first_load(SLOW_CONVERSATIONS, ["sync", "rest_api"], 1)
    for name, what in (
        ("sync", "`chatislav sync`"),
        ("floor", "floor: fetch to disk, DuckDB `read_json`, no state, no merge"),
        ("rest_api_parquet", "dlt `rest_api`, parquet"),
    ):
        ratio = big[name].seconds / big["sync"].seconds
        yield Row(f"first load, {CONVERSATIONS:,} × 8: {what}", big[name].shown(), f"{ratio:.2f}")
    for name, what in (("sync", "`chatislav sync`"), ("rest_api", "dlt `rest_api` as documented")):
        ratio = small[name].seconds / small["sync"].seconds
        what = f"first load, {SLOW_CONVERSATIONS:,} × 8: {what}"
        yield Row(what, small[name].shown(), f"{ratio:.2f}")
