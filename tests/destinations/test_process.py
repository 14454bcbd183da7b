"""Servers as child processes: their start errors, and that they end with the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .servers import environments
from .servers.environments import Environment, EnvironmentNotBuiltError
from .servers.process import ServerDidNotStartError, running


def test_a_server_that_ends_at_once_says_so_with_its_log(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo out of luck; exit 3"]

    with (
        pytest.raises(ServerDidNotStartError, match=r"ended with status 3(?s:.*)out of luck"),
        running("Server", command, log=tmp_path / "log", ready=lambda: False),
    ):
        pass


def test_a_server_that_is_never_ready_is_an_error(tmp_path: Path) -> None:
    command = ["sleep", "60"]
    log = tmp_path / "log"

    with (
        pytest.raises(ServerDidNotStartError, match="was not ready"),
        running("Server", command, log=log, ready=lambda: False, deadline_seconds=0.2),
    ):
        pass


def test_a_server_ends_when_the_tests_are_killed(tmp_path: Path) -> None:
    server = tmp_path / "server"
    program = f"""
import os, pathlib, signal
from {running.__module__} import running
server = pathlib.Path({str(server)!r})
command = ["sh", "-c", f"echo $$ > {{server}}.new; mv {{server}}.new {{server}}; exec sleep 60"]
with running("Server", command, log=server.with_suffix(".log"), ready=server.exists):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    killed = subprocess.run([sys.executable, "-c", program], env=variables, check=False)

    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while is_running(int(server.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(process: int) -> bool:
    """Whether the process runs, and is not a zombie."""
    shown = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(shown, capture_output=True, text=True, check=False).stdout
    return bool(state) and not state.startswith("Z")


@pytest.mark.slow
def test_an_environment_counts_as_missing_once_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "SERVERS", tmp_path)
    environment = Environment("empty")
    environment.requirements.write_text("")
    environment.ensure()
    environment.require()

    environment.requirements.write_text("# changed\n")

    with pytest.raises(EnvironmentNotBuiltError, match=r"python -m tests\.destinations"):
        environment.require()
