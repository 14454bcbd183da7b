"""Runs the command as its users do: as a process of its own."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

COMMAND = [sys.executable, "-m", "chatislav_source"]
ROOT = Path(__file__).parents[2]
READ_AT_START = ("PYTHON", "LC_", "LANG")  # variables that only a new interpreter obeys


def start(*words: str, api: Sandbox | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process group of its own; `env` has more variables, None unsets."""
    return subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding=options.pop("encoding", "utf-8"),
        env=_environment(api, options.pop("env", {})),
        start_new_session=True,
        **options,
    )


def run(
    *words: str,
    api: Sandbox | None = None,
    env: dict[str, str | None] | None = None,
    encoding: str = "utf-8",
) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends: forked where that is the same, as an import takes a second."""
    if any(name.startswith(READ_AT_START) for name in env or {}):
        with start(*words, api=api, env=env, encoding=encoding) as process:
            out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
    with tempfile.TemporaryDirectory() as folder:
        out_file, err_file = Path(folder, "out"), Path(folder, "err")
        asked = {
            "words": words,
            "env": _environment(api, env or {}),
            "folder": str(Path.cwd()),
            "out": str(out_file),
            "err": str(err_file),
        }
        status = _fork(asked)
        out, err = out_file.read_text(encoding), err_file.read_text(encoding)
    return subprocess.CompletedProcess([*COMMAND, *words], status, out, err)


def _environment(api: Sandbox | None, more: dict[str, str | None]) -> dict[str, str]:
    given = os.environ | {"SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY} | more
    env = {name: value for name, value in given.items() if value is not None}
    if api:
        env["SOURCES__CHATISLAV__BASE_URL"] = api.base_url
    return env | {"PYTHONPATH": str(ROOT)}


def _fork(asked: dict[str, Any]) -> int:
    """Run the command in a fork; returns its exit status."""
    server = _fork_server()
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps(asked) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@functools.cache
def _fork_server() -> subprocess.Popen[str]:
    """The process that forks, one for all tests of this process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.command_fork"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
    )
    atexit.register(server.communicate)  # closes its stdin, which ends it
    return server
