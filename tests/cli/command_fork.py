"""A process that imports the command once, then forks for each run of it.

Reads a JSON object a line: the words of the command, its environment, its folder, and the files
that take what it prints. Writes the exit status of each run.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

import dlt.destinations  # noqa: F401 - what nearly every command imports
import duckdb  # noqa: F401

import chatislav_source.cli.console
import chatislav_source.runner.run  # noqa: F401
from chatislav_source.cli.commands import main
from tests import memoized_dlt

memoized_dlt.memoize()


def serve() -> dict[str, Any]:
    """Answer each line; returns, in the process of a run, what was asked for."""
    gc.freeze()  # no run walks through what was imported
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            return asked
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    os._exit(0)


def become(asked: dict[str, Any]) -> None:
    """Make this process one that was started with these words, variables, folder and files."""
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["chatislav", *asked["words"]]
    for descriptor, path in enumerate((os.devnull, asked["out"], asked["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)


def run() -> None:
    """Run the command and end; without what Python does last, as threads were lost in the fork."""
    status: Any = 70
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    become(serve())
    run()
