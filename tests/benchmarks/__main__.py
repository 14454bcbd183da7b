"""Run every benchmark, or those named, and print one table: `python -m tests.benchmarks NAME`.

Ratios are what counts: the machine is part of every number of seconds.
"""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version

BENCHMARKS = (
    "throughput",
    "warehouses",
    "memory",
    "latency",
    "politeness",
    "nothing_new",
    "scale",
    "models",
)
PACKAGES = ("dlt", "duckdb", "pyarrow", "httpx", "msgspec")


def main() -> None:
    """Print the table as Markdown, line by line."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = platform.python_version()
    _say(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {python}, {versions}.\n")
    _say("| what | measured | ratio |\n|---|---:|---:|")
    for name in sys.argv[1:] or BENCHMARKS:
        for row in import_module(f"tests.benchmarks.{name}").rows():
            _say(f"| {row.what} | {row.value} | {row.ratio} |")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
