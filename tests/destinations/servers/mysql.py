"""A MariaDB server for the tests of MySQL, where Debian's mariadb-server is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import free_port, running


def is_installed() -> bool:
    """Whether there is a server to run."""
    return shutil.which("mariadbd") is not None


@contextmanager
def mysql_server() -> Iterator[str]:
    """Run an empty server; yield its URL for SQLAlchemy."""
    with tempfile.TemporaryDirectory(prefix="mysql-") as home:
        folder, owner = Path(home), None
        if os.geteuid() == 0:
            owner = pwd.getpwnam("mysql").pw_uid
            os.chown(folder, owner, -1)
        data, socket = folder / "data", folder / "socket"
        make = [
            "mariadb-install-db",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
        ]
        subprocess.run(
            [*make, "--skip-test-db"], cwd=folder, user=owner, capture_output=True, check=True
        )
        port = free_port()
        command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}"]
        command += [f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid"]
        command += ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_nopad_bin"]
        ask = ["mariadb-admin", f"--socket={socket}", "--user=root", "ping"]
        with running(
            "MariaDB",
            command,
            log=folder / "log",
            ready=lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0,
            user=owner,
            deadline_seconds=60.0,
        ):
            sql = "CREATE DATABASE warehouse; ALTER USER root@localhost IDENTIFIED BY 'mysql'"
            client = ["mariadb", f"--socket={socket}", "--user=root", "-e", sql]
            subprocess.run(client, check=True)
            yield f"mysql+pymysql://root:mysql@127.0.0.1:{port}/warehouse"
