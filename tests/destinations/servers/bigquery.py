"""BigQuery's real client, connected to local-bigquery on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .environments import BIGQUERY, SERVERS
from .process import announced_port, running

# the client goes to the real BigQuery when this is not set
HOST_VARIABLE = "BIGQUERY_EMULATOR_HOST"
PROJECT = "local-project"


@contextmanager
def bigquery_emulator() -> Iterator[str]:
    """Run the emulator; yield its address, which belongs into `HOST_VARIABLE`."""
    BIGQUERY.require()
    with TemporaryDirectory(prefix="bigquery-") as folder:
        port_file = Path(folder, "port")
        command = [*BIGQUERY.run, str(SERVERS / "bigquery_emulator.py")]
        with running(
            "The BigQuery emulator",
            [*command, str(Path(folder, "data")), str(port_file)],
            log=Path(folder, "log"),
            ready=lambda: announced_port(port_file) is not None,
            environment=BIGQUERY.variables() | {"TMPDIR": folder},
        ):
            yield f"http://127.0.0.1:{announced_port(port_file)}"


@contextmanager
def service_account() -> Iterator[dict[str, str]]:
    """Yield a made-up account whose tokens come from this process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _TokenEndpoint) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key": private_key(),
                "client_email": f"tests@{PROJECT}.iam.gserviceaccount.com",
                "token_uri": f"http://127.0.0.1:{server.server_port}/token",
            }
        finally:
            server.shutdown()
            thread.join()


class _TokenEndpoint(BaseHTTPRequestHandler):
    """Returns a token for every request."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = {"access_token": "made-up", "expires_in": 3600, "token_type": "Bearer"}
        body = json.dumps(token).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


def private_key() -> str:
    """A fresh key: the client signs with it before it asks for a token."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
