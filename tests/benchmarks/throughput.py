"""A first full load into an empty DuckDB file, and one in which 1 % changed, beside others."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.measure import BOTS, Measured, Served, middle, process, served

RUNS = 3
CHATISLAV = str(Path(sys.executable).with_name("chatislav"))
SYNC = [CHATISLAV, "sync", "--bot-id", str(BOTS[0]), "--pipelines-dir", "pipelines", "--json"]
ROOT = str(Path(__file__).parents[2])


def contender(name: str, api: Served) -> list[str]:
    """The command of one of the others."""
    return [sys.executable, "-m", "tests.benchmarks.contenders", name, api.base_url]


def once(command: list[str], api: Served) -> Measured:
    """One run in an empty folder."""
    with TemporaryDirectory() as folder:
        return process(command, api.environment | {"PYTHONPATH": ROOT}, folder)


def first_load(conversations: int, slow_too: bool) -> list[tuple[str, Measured]]:
    """Each contender's median over interleaved runs; the very slow one runs once."""
    with served(conversations) as api:
        commands = {
            "chatislav sync": SYNC,
            "floor (fetch, read_json)": contender("floor", api),
            "rest_api, parquet": contender("rest_api_parquet", api),
        }
        runs: dict[str, list[Measured]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                runs[name].append(once(command, api))
        results = [(name, middle(measured)) for name, measured in runs.items()]
        if slow_too:
            results.append(("rest_api, as documented", once(contender("rest_api", api), api)))
    return results


def again(conversations: int) -> tuple[Measured, Measured]:
    """A sync in which nothing changed, and one in which 1 % did."""
    with served(conversations) as api, TemporaryDirectory() as folder:
        process(SYNC, api.environment, folder)
        unchanged = process(SYNC, api.environment, folder)
        api.mutate("new_message", conversations // 100)
        changed = process(SYNC, api.environment, folder)
        shutil.rmtree(Path(folder, "pipelines"))
    return unchanged, changed


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for name, measured in first_load(size, slow_too="--slow" in sys.argv):
        print(f"{name:28} {measured.seconds:8.2f} s {measured.megabytes:8.0f} MB")  # noqa: T201
