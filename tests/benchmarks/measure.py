"""Whole processes, measured from outside: wall time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from chatislav_source.sandbox import SANDBOX_KEY

BOTS = (101, 102, 103)
ROOT = str(Path(__file__).parents[2])
CHATISLAV = str(Path(sys.executable).with_name("chatislav"))
SYNC = [CHATISLAV, "sync", "--pipelines-dir", "pipelines", "--json"]


@dataclass(frozen=True)
class Measured:
    """Seconds of wall time and of CPU, and peak resident memory in MB of one process."""

    seconds: float
    megabytes: float
    output: str = ""
    cpu_seconds: float = 0.0

    def shown(self) -> str:
        """For a table."""
        return f"{self.seconds:.2f} s, {self.megabytes:.0f} MB"

    @property
    def report(self) -> dict[str, Any]:
        """What `chatislav sync --json` printed."""
        report: dict[str, Any] = json.loads(self.output)
        return report


@dataclass(frozen=True)
class Row:
    """A line of the result: the case, its measurements, and the ratio to its reference."""

    what: str
    value: str
    ratio: str = ""


@contextmanager
def scratch() -> Iterator[str]:
    """An empty folder to work in, gone afterwards."""
    with TemporaryDirectory() as folder:
        yield folder


def contender(name: str, api: Served) -> list[str]:
    """The command of one of the programs in `contenders`."""
    return [sys.executable, "-m", "tests.benchmarks.contenders", name, api.base_url]


def process(
    command: Sequence[str], environment: dict[str, str], folder: str, root: str = ROOT
) -> Measured:
    """Run a command with the code below `root` to its end, quietly.

    Raises:
        RuntimeError: it did not end with status 0; its output is in the message.
    """
    began = time.perf_counter()
    # compiled modules are kept, as they are wherever the package is installed
    variables = os.environ | environment | {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": ""}
    with (
        open(os.path.join(folder, "stdout.txt"), "wb+") as output,
        open(os.path.join(folder, "stderr.txt"), "wb+") as errors,
    ):
        child = subprocess.Popen(command, stdout=output, stderr=errors, env=variables, cwd=folder)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode:
            raise RuntimeError(
                f"{command} ended with {child.returncode}: {errors.read()[-3000:]!r}"
            )
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Measured(seconds, usage.ru_maxrss / 1024, output.read().decode(), cpu_seconds)


def first_run(command: Sequence[str], api: Served) -> Measured:
    """Run a command that syncs from `api`, in an empty folder."""
    with scratch() as folder:
        return process(command, api.environment, folder)


def middle(runs: Sequence[Measured]) -> Measured:
    """The median time, and the most memory of all runs."""
    return Measured(
        median(run.seconds for run in runs),
        max(run.megabytes for run in runs),
        cpu_seconds=median(run.cpu_seconds for run in runs),
    )


class Served:
    """A sandbox in a process of its own."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._control = base_url.removesuffix("/api/v1") + "/sandbox"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that syncs from it."""
        return {
            "SOURCES__CHATISLAV__BASE_URL": self.base_url,
            "SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }

    def configure(self, **settings: Any) -> None:
        """Change settings of the sandbox."""
        httpx.patch(f"{self._control}/settings", json=settings, timeout=60).raise_for_status()

    def mutate(self, kind: str, count: int) -> None:
        """Change conversations at random."""
        answer = httpx.post(
            f"{self._control}/mutate", json={"kind": kind, "count": count, "seed": 1}, timeout=600
        )
        answer.raise_for_status()

    def requests(self) -> dict[str, Any]:
        """The counters and the last records."""
        answer = httpx.get(f"{self._control}/requests", timeout=60)
        answer.raise_for_status()
        counters: dict[str, Any] = answer.json()
        return counters

    def forget_requests(self) -> None:
        """Count from 0 again."""
        httpx.delete(f"{self._control}/requests", timeout=60).raise_for_status()


@contextmanager
def served(
    conversations: int, days: int = 90, messages: int = 8, bots: Sequence[int] = (BOTS[0],)
) -> Iterator[Served]:
    """Serve `conversations` per bot, written out before the first request comes."""
    command = [CHATISLAV, "sandbox", "--port", "0", "--set", "prerender=true"]
    command += ["--conversations", str(conversations), "--days", str(days)]
    command += ["--messages", str(messages), *(f"--bot-id={bot}" for bot in bots)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None:
            raise RuntimeError("the sandbox has no output")
        server.stdout.readline()  # a heading; the address follows
        address = server.stdout.readline()
        try:
            yield Served(address.partition("=")[2].strip())
        finally:
            server.terminate()
