"""Runs the command as its users do: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

COMMAND = [sys.executable, "-m", "chatislav_source"]


def start(*words: str, api: Sandbox | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process group of its own; `env` has more variables, None unsets."""
    given = {"SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY} | options.pop("env", {})
    env = {name: value for name, value in (os.environ | given).items() if value is not None}
    if api:
        env["SOURCES__CHATISLAV__BASE_URL"] = api.base_url
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding=options.pop("encoding", "utf-8"),
        env=env,
        start_new_session=True,
        **options,
    )


def run(
    *words: str, api: Sandbox | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends."""
    with start(*words, api=api, **options) as process:
        out, err = process.communicate(timeout=100)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
