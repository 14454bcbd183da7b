"""The guard: connections to other machines fail, or end at the proxy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest

from . import warehouses
from .loopback import OutsideWorldError
from .servers.bigquery import HOST_VARIABLE, service_account

REAL_BIGQUERY = "bigquery.googleapis.com"
DOCUMENTATION_ADDRESS = "192.0.2.1"  # reserved for documentation by RFC 5737


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue[str]]:
    """The first line of each request that reaches the proxy, which hangs up."""
    lines: Queue[str] = Queue()

    def listen() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as request:
                line = request.readline().decode()
                if not line:
                    return
                lines.put(line.strip())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield lines
        socket.create_connection(("127.0.0.1", port)).close()  # no data: the connection has ended
        thread.join(5)


@pytest.mark.parametrize(
    "reach",
    [
        pytest.param(lambda: socket.getaddrinfo(REAL_BIGQUERY, 443), id="look up a name"),
        pytest.param(lambda: socket.create_connection((REAL_BIGQUERY, 443)), id="name"),
        pytest.param(lambda: socket.create_connection((DOCUMENTATION_ADDRESS, 443)), id="address"),
        pytest.param(lambda: send_datagram(DOCUMENTATION_ADDRESS), id="datagram"),
    ],
)
def test_python_cannot_reach_another_machine(reach: Callable[[], Any]) -> None:
    with pytest.raises(OutsideWorldError, match="Only this machine"):
        reach()


def send_datagram(host: str) -> None:
    """Send something that no connection comes before."""
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", (host, 53))


def test_native_code_ends_at_the_proxy(proxied: Queue[str]) -> None:
    connector = pytest.importorskip("snowflake.connector")

    with pytest.raises(connector.errors.Error):
        connector.connect(user="u", password="p", account="guarded", login_timeout=1)

    asked = [proxied.get(timeout=5) for _ in range(proxied.qsize())]
    assert any("CONNECT guarded.snowflakecomputing.com:443" in line for line in asked)


def test_bigquery_without_an_emulator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOST_VARIABLE)

    with pytest.raises(OutsideWorldError, match="the real BigQuery"):
        warehouses.bigquery({}).destination()


def test_a_client_of_the_real_bigquery_ends_at_the_proxy(
    monkeypatch: pytest.MonkeyPatch, proxied: Queue[str]
) -> None:
    bigquery = pytest.importorskip("google.cloud.bigquery")
    from google.oauth2.service_account import Credentials

    monkeypatch.delenv(HOST_VARIABLE)

    with service_account() as account:
        credentials = Credentials.from_service_account_info(account)
        client = bigquery.Client(account["project_id"], credentials=credentials)
        with pytest.raises(Exception, match="Connection aborted"):
            list(client.list_datasets(retry=None, timeout=1))

    asked = [proxied.get(timeout=5) for _ in range(proxied.qsize())]
    assert any(f"CONNECT {REAL_BIGQUERY}:443" in line for line in asked)
