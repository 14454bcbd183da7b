"""Snowflake's real client, connected to fakesnow on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .environments import SERVERS, SNOWFLAKE
from .process import announced_port, running


@contextmanager
def snowflake_emulator() -> Iterator[str]:
    """Run the emulator; yield the credentials for dlt, which name the loopback host."""
    SNOWFLAKE.require()
    with TemporaryDirectory(prefix="snowflake-") as folder:
        port_file = Path(folder, "port")
        with running(
            "The Snowflake emulator",
            [*SNOWFLAKE.run, str(SERVERS / "snowflake_emulator.py"), str(port_file)],
            log=Path(folder, "log"),
            ready=lambda: announced_port(port_file) is not None,
            environment=SNOWFLAKE.variables() | {"TMPDIR": folder},  # stages are kept in there
        ):
            yield credentials(f"127.0.0.1:{announced_port(port_file)}")


def credentials(address: str) -> str:
    """A connection string for `address` only.

    dlt hands the keys after the question mark on to the connector; without `host` the account
    would be looked up at Snowflake.
    """
    host, port = address.split(":")
    endpoint = f"protocol=http&host={host}&port={port}"
    return f"snowflake://fake:snow@fakesnow/TESTS?{endpoint}&warehouse=WAREHOUSE&role=ROLE"
