"""A server as a child process: its port, its readiness, its log and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.05
STOP_SECONDS = 10.0
LOG_CHARACTERS = 4000  # of the end of a server's log that an error shows

# The server ends with us even if we are killed: the shell's standard input is a pipe of ours,
# and when that closes, the shell signals the server. Its own exit is passed on.
_END_WITH_PARENT = """
stop=$1; shift; exec 3<&0
"$@" 3<&- </dev/null & server=$!
{ read -r _ <&3; kill -s "$stop" $server; } >/dev/null 2>&1 &
exec 3<&-
wait $server
"""


class ServerDidNotStartError(RuntimeError):
    """A server ended, or said nothing, before it could be used."""

    def __init__(self, name: str, problem: str, log: Path) -> None:
        text = log.read_text(errors="replace") if log.exists() else ""
        super().__init__(f"{name} {problem}. The end of its log:\n{text[-LOG_CHARACTERS:]}")


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    deadline_seconds: float = 60.0,
) -> Iterator[None]:
    """Run `command` (as `user`) until the block ends; enter the block once `ready` says so.

    Raises:
        ServerDidNotStartError: it ended, or was not ready within `deadline_seconds`.
    """
    shell = ["sh", "-c", _END_WITH_PARENT, "sh", stop_signal.name.removeprefix("SIG"), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            shell,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ if environment is None else environment),
            cwd=log.parent,
            user=user,
            start_new_session=True,  # Ctrl-C is for the tests; the fixture stops the server
        )
    try:
        _wait_until_ready(name, process, ready, log, deadline_seconds)
        yield
    finally:
        _stop(process)


def _wait_until_ready(
    name: str,
    process: subprocess.Popen[bytes],
    ready: Callable[[], bool],
    log: Path,
    deadline_seconds: float,
) -> None:
    """Poll until `ready`, the end of the process or the deadline."""
    deadline = time.monotonic() + deadline_seconds
    while not ready():
        if process.poll() is not None:
            raise ServerDidNotStartError(name, f"ended with status {process.returncode}", log)
        if time.monotonic() > deadline:
            raise ServerDidNotStartError(name, f"was not ready in {deadline_seconds:.0f} s", log)
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the server end by itself; past `STOP_SECONDS` kill its whole process group."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A loopback port that was free a moment ago, for servers that cannot pick one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def announced_port(port_file: Path) -> int | None:
    """The port that a server has written down, once it listens on it."""
    text = port_file.read_text() if port_file.exists() else ""
    return int(text) if text.endswith("\n") else None
