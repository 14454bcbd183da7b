"""The transport over real sockets: TLS, proxies of the environment, connections that are cut."""

from __future__ import annotations

import base64
import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import trustme

from chatislav_source.api import transport as module
from chatislav_source.api.transport import Connections, Transport
from chatislav_source.errors import ConfigurationError
from tests.soon import soon

LOGIN = "Basic " + base64.b64encode("ana:lozin:ка".encode()).decode()


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked for; as a proxy it forwards, but makes no tunnel."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str, str, str | None]]]
    answers: ClassVar[threading.Event]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(("POST", self.path, self.headers["Proxy-Authorization"]))
        self.answers.wait(20)
        self.answer(200, forwarded(self.path, body) if "://" in self.path else body)

    def do_CONNECT(self) -> None:
        self.asked.append(("CONNECT", self.path, self.headers["Proxy-Authorization"]))
        self.answer(403, b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name is http.server's
        """Stay silent."""


def forwarded(url: str, body: bytes) -> bytes:
    parts = httpx.URL(url)
    with closing(http.client.HTTPConnection(parts.host, parts.port)) as connection:
        connection.request("POST", parts.path, body)
        return connection.getresponse().read()


class Peer:
    """A server, what it was asked for, and whether it answers."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.answers = threading.Event()
        self.answers.set()
        handler = type("Here", (Handler,), {"asked": self.asked, "answers": self.answers})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # who was cut
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = httpx.URL(f"{scheme}://127.0.0.1:{self.server.server_port}")


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """A server that runs meanwhile."""
    peer = Peer(context)
    thread = threading.Thread(target=peer.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield peer
    finally:
        peer.answers.set()
        peer.server.shutdown()
        thread.join()
        peer.server.server_close()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serving() as each:
        yield each


@pytest.fixture
def proxy() -> Iterator[Peer]:
    with serving() as each:
        yield each


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """A server with a certificate of an authority that the environment names."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(context) as each:
        yield each


def post(url: httpx.URL) -> bytes:
    """What a request with the body "zdravo" gets."""
    transport = Transport(url)
    try:
        request = httpx.Request("POST", url.join("/upit"), content=b"zdravo")
        return transport.handle_request(request).read()
    finally:
        transport.close()


def proxy_url(proxy: Peer, login: str = "") -> str:
    return f"http://{login}127.0.0.1:{proxy.url.port}"


def test_a_request_goes_to_the_server(peer: Peer) -> None:
    assert post(peer.url) == b"zdravo"
    assert peer.asked == [("POST", "/upit", None)]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_forwards_the_request(
    peer: Peer, proxy: Peer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy_url(proxy))

    assert post(peer.url) == b"zdravo"
    assert proxy.asked == [("POST", str(peer.url.join("/upit")), None)]
    assert peer.asked == [("POST", "/upit", None)]


def test_a_proxy_gets_the_login_that_its_address_has(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy, "ana:lozin%3A%D0%BA%D0%B0@"))

    post(peer.url)

    assert [login for *_, login in proxy.asked] == [LOGIN]
    assert [login for *_, login in peer.asked] == [None]


def test_a_proxy_needs_no_scheme(peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy).removeprefix("http://"))

    assert post(peer.url) == b"zdravo"
    assert len(proxy.asked) == 1


def test_a_server_that_needs_no_proxy_is_asked_directly(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert post(peer.url) == b"zdravo"
    assert proxy.asked == []


def test_a_port_that_needs_no_proxy_is_asked_directly(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy))
    monkeypatch.setenv("no_proxy", f"127.0.0.1:{peer.url.port}")

    assert post(peer.url) == b"zdravo"
    assert proxy.asked == []


def test_with_tls_a_proxy_is_asked_for_a_tunnel_and_never_for_what_goes_through(
    secure: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy_url(proxy, "ana:lozin%3A%D0%BA%D0%B0@"))

    with pytest.raises(httpx.ProxyError):
        post(secure.url)

    assert proxy.asked == [("CONNECT", f"127.0.0.1:{secure.url.port}", LOGIN)]
    assert secure.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "socks5://ana:lozinka@127.0.0.1:1",
        "http://ana:lozinka@127.0.0.1:x",
        "ftp://127.0.0.1:1",
        "http://",
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_without_its_login(
    peer: Peer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    with pytest.raises(ConfigurationError, match="proxy") as raised:
        Transport(peer.url)

    assert "lozinka" not in str(raised.value)


def test_tls_is_spoken_with_a_server_whose_certificate_is_good(secure: Peer) -> None:
    assert post(secure.url) == b"zdravo"


def test_nothing_is_sent_to_a_server_whose_certificate_nobody_knows(
    secure: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(httpx.ConnectError):
        post(secure.url)

    assert secure.asked == []


def test_nothing_is_sent_to_a_server_of_another_name(secure: Peer) -> None:
    with pytest.raises(httpx.ConnectError):
        post(secure.url.copy_with(host="localhost"))

    assert secure.asked == []


@pytest.mark.parametrize("kind", ["peer", "secure"])
def test_who_waits_for_an_answer_is_let_go_by_a_cut(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: Peer = request.getfixturevalue(kind)
    server.answers.clear()
    transport = Transport(server.url)
    ended: list[type[BaseException]] = []
    thread = threading.Thread(target=lambda: ended.append(how_it_ends(transport, server.url)))
    thread.start()
    assert soon(lambda: len(server.asked) == 1)

    transport.cut()
    thread.join(10)
    transport.close()

    assert ended == [httpx.RemoteProtocolError]


@pytest.mark.parametrize("kind", ["peer", "secure"])
def test_a_connection_that_is_made_after_the_cut_gets_no_answer(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: Peer = request.getfixturevalue(kind)
    transport = Transport(server.url)
    transport.cut()

    assert issubclass(how_it_ends(transport, server.url), httpx.RequestError)

    transport.close()


def test_after_it_is_closed_nothing_is_sent(peer: Peer) -> None:
    transport = Transport(peer.url)
    transport.close()

    assert issubclass(how_it_ends(transport, peer.url), httpx.RequestError)
    assert peer.asked == []


def how_it_ends(transport: Transport, url: httpx.URL) -> type[BaseException]:
    """What a request raises."""
    with pytest.raises(httpx.RequestError) as raised:
        transport.handle_request(httpx.Request("POST", url, content=b"zdravo"))
    return raised.type


def test_connections_that_were_closed_are_passed_over() -> None:
    connections = Connections()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(20)
        connections.note(ours)
        ours.close()

        connections.cut()

        assert theirs.recv(1) == b""


def answering(*answers: bytes) -> Iterator[httpx.URL]:
    """A server that gives these bytes to one request each, on as many connections as are made."""
    left = list(answers)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while left:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    while left and was_asked(connection):
                        connection.sendall(left.pop(0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield httpx.URL(f"http://127.0.0.1:{listening.getsockname()[1]}")
    left.clear()
    with suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def was_asked(connection: socket.socket) -> bool:
    """Whether a whole request came, not the end of the connection."""
    request = b""
    while not request.endswith(b"zdravo"):
        part = connection.recv(65536)
        if not part:
            return False
        request += part
    return True


ODD_ANSWERS = {
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a chunk of less than nothing": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n"
    ),
    "a chunk without end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nabc\r\n"
    ),
    "no HTTP": b"SSH-2.0-OpenSSH_9.7\r\n",
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_an_answer_that_is_no_good_http_is_an_error_and_its_connection_is_left(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.api.transport.READ_TIMEOUT_SECONDS", 2.0)
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nda"
    with contextmanager(answering)(answer, good) as url:
        transport = Transport(url)

        assert how_it_ends(transport, url) is httpx.RemoteProtocolError
        response = transport.handle_request(httpx.Request("POST", url, content=b"zdravo"))
        transport.close()

    assert response.read() == b"da"


def test_headers_are_read_as_they_came() -> None:
    header = "X-A: привет".encode()
    with contextmanager(answering)(
        b"HTTP/1.1 200 OK\r\n" + header + b"\r\nContent-Length: 2\r\n\r\nda"
    ) as url:
        transport = Transport(url)
        response = transport.handle_request(httpx.Request("POST", url, content=b"zdravo"))
        transport.close()

    assert response.headers.raw[0] == (b"X-A", "привет".encode())


def test_a_connection_that_was_idle_is_made_anew(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    transport = Transport(peer.url)
    request = httpx.Request("POST", peer.url, content=b"zdravo")

    for idle_seconds in (99.0, 99.0, 0.0, 0.0):
        monkeypatch.setattr(module, "IDLE_SECONDS", idle_seconds)
        transport.handle_request(request)
    transport.close()

    assert caplog.text.count("Starting new HTTP connection") == 1
    assert caplog.text.count("Resetting dropped connection") == 2
