"""A throw-away Postgres server, from whatever server binaries the machine has."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from .process import ServerDidNotStartError, free_port, running

OLDEST_VERSION = 13
ATTEMPTS = 3  # another process may take the port between our look and the server's start
SETTINGS = {
    "fsync": "off",  # the data is thrown away: durability would only cost time
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
}


class PostgresNotInstalledError(RuntimeError):
    """No server binary of Postgres that is new enough."""

    def __init__(self) -> None:
        super().__init__(
            f"No Postgres server >= {OLDEST_VERSION} found, neither on PATH nor under "
            "/usr/lib/postgresql. On Debian: apt-get install postgresql"
        )


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run an empty server; yield its URL as dlt takes it.

    Raises:
        PostgresNotInstalledError: there is no server binary to run.
        ServerDidNotStartError: there is, but it does not start.
    """
    binaries = find_binaries()
    with tempfile.TemporaryDirectory(prefix="postgres-") as home:
        folder = Path(home)
        owner = _give_to_owner(folder)
        data = folder / "data"
        _initialise(binaries, data, owner)
        with _started(binaries, data, owner) as port:
            # dlt insists on a password, also where the server asks for none
            yield f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres"


def find_binaries() -> Path:
    """The folder with the newest `postgres` and `initdb`."""
    folders = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    folders += Path("/usr/lib/postgresql").glob("*/bin")
    versions = {_version(folder): folder for folder in folders if (folder / "initdb").exists()}
    newest = max(versions, default=0)
    if newest < OLDEST_VERSION:
        raise PostgresNotInstalledError
    return versions[newest]


def _version(folder: Path) -> int:
    """The major version of the server in `folder`, 0 if it does not say."""
    said = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+", said.stdout)
    return int(found[0]) if found else 0


def _give_to_owner(folder: Path) -> int | None:
    """Make `folder` usable for the server; the user to run it as, if that is not ourselves."""
    if os.geteuid() != 0:
        return None
    # Postgres refuses to run as root; its packages bring a user of their own
    owner = pwd.getpwnam("postgres").pw_uid
    os.chown(folder, owner, -1)
    return owner


def _initialise(binaries: Path, data: Path, owner: int | None) -> None:
    """Make an empty cluster with one superuser who may connect without a password."""
    command = [str(binaries / "initdb"), "--pgdata", str(data), "--auth", "trust"]
    command += ["--username", "postgres", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
    made = subprocess.run(
        command, cwd=data.parent, user=owner, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")


@contextmanager
def _started(binaries: Path, data: Path, owner: int | None) -> Iterator[int]:
    """Run the server; yield its port."""
    with ExitStack() as stack:
        for attempts_left in reversed(range(ATTEMPTS)):
            port = free_port()
            try:
                stack.enter_context(_running_on(port, binaries, data, owner))
                break
            except ServerDidNotStartError as error:
                if not attempts_left or "Address already in use" not in str(error):
                    raise
        yield port


def _running_on(
    port: int, binaries: Path, data: Path, owner: int | None
) -> AbstractContextManager[None]:
    """The server on one port; it fails if the port is taken."""
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
    return running(
        "Postgres",
        [*command, *settings],
        log=data.parent / f"server-{port}.log",
        ready=lambda: _accepts_sessions(binaries, port),
        user=owner,
        stop_signal=signal.SIGINT,  # "fast": sessions that are still open do not delay the end
        deadline_seconds=30.0,
    )


def _accepts_sessions(binaries: Path, port: int) -> bool:
    """Whether the server has come so far that it takes connections."""
    asked = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"]
    return subprocess.run(asked, check=False).returncode == 0
