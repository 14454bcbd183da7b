"""Connections: the deadline of a whole response, content codings, and hosts with many addresses."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import httpcore
import httpx
import pytest

from chatislav_source.api.connections import Connector, SocketRegistry
from chatislav_source.api.transport import ACCEPT_ENCODING, Transport
from tests.api.peer import dripping, error_of, new_request, serving_bytes

HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "a body": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "the extension of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "a header": (HEAD + b"X-A: ", b"a"),
    "interim responses": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.mark.parametrize("name", DRIPS)
def test_a_response_that_drips_without_end_has_a_deadline(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.api.connections.RESPONSE_SECONDS", 0.3)
    with dripping(*DRIPS[name]) as url:
        transport = Transport(url)
        began = time.monotonic()

        assert error_of(transport, url) is httpx.ReadTimeout
        transport.close()

    assert time.monotonic() - began < 5.0  # the timeout of one read is a minute


def test_the_deadline_begins_anew_with_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("chatislav_source.api.connections.time.monotonic", lambda: now[0])
    good = HEAD + b"Content-Length: 2\r\n\r\nda"
    with serving_bytes(good, good) as url:
        transport = Transport(url)
        bodies = []
        for now[0] in (0.0, 100.0):
            bodies.append(transport.handle_request(new_request(url)).read())
        transport.close()

    assert bodies == [b"da", b"da"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "X-GZIP"])
def test_a_body_with_any_name_of_gzip_is_decompressed(coding: str) -> None:
    body = gzip.compress(b"zdravo")
    head = HEAD + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with serving_bytes(head + body) as url:
        transport = Transport(url)

        assert transport.handle_request(new_request(url)).read() == b"zdravo"
        transport.close()


def test_a_coding_is_asked_for_exactly_if_its_package_is_installed(tmp_path: Path) -> None:
    (tmp_path / "brotli.py").write_text("")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "from chatislav_source.api.client import HEADERS; print(HEADERS['Accept-Encoding'])"
    )

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    zstd = ["zstd"] if find_spec("zstandard") else []  # clients of other warehouses bring it
    assert shown.stdout.decode().strip().split(", ") == ["gzip", "deflate", "br", *zstd]
    assert ACCEPT_ENCODING.split(", ")[:2] == ["gzip", "deflate"]


def test_the_next_address_of_a_host_is_used_if_one_refuses_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        found = [(2, 1, 6, "", (address, port)) for address in ("127.0.0.9", "127.0.0.1")]
        monkeypatch.setattr("socket.getaddrinfo", addresses_of_example(found))

        connection = Connector(SocketRegistry()).connect_tcp("api.example", port, 5.0)

        assert connection.get_extra_info("server_addr") == ("127.0.0.1", port)
        connection.close()


def test_all_addresses_of_a_host_share_one_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (f"127.0.0.{number}", 9)) for number in range(1, 5)]
    monkeypatch.setattr("socket.getaddrinfo", addresses_of_example(found))
    waited = []

    def never(_: tuple[str, int], timeout: float, **__: object) -> None:
        waited.append(timeout)
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", never)

    with pytest.raises(httpcore.ConnectTimeout):
        Connector(SocketRegistry()).connect_tcp("api.example", 9, 6.0)

    assert waited[0] == pytest.approx(1.5, abs=0.1)
    assert len(waited) == 4


def addresses_of_example(found: list[object]) -> object:
    real = socket.getaddrinfo

    def lookup(host: object, *more: object, **names: object) -> object:
        return found if host == "api.example" else real(host, *more, **names)  # type: ignore[arg-type]

    return lookup
