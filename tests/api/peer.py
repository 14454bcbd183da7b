"""Test servers: one that is also a proxy, and one that sends given bytes."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest

from chatislav_source.api.transport import Transport


class Handler(BaseHTTPRequestHandler):
    """Records requests; as a proxy it forwards requests, but opens no tunnel."""

    protocol_version = "HTTP/1.1"
    received: ClassVar[list[tuple[str, str, str | None]]]
    may_respond: ClassVar[threading.Event]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(("POST", self.path, self.headers["Proxy-Authorization"]))
        self.may_respond.wait(20)
        self.answer(200, forwarded(self.path, body) if "://" in self.path else body)

    def do_CONNECT(self) -> None:
        self.received.append(("CONNECT", self.path, self.headers["Proxy-Authorization"]))
        self.answer(403, b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name is http.server's
        """Write no log."""


def forwarded(url: str, body: bytes) -> bytes:
    parts = httpx.URL(url)
    with closing(http.client.HTTPConnection(parts.host, parts.port)) as connection:
        connection.request("POST", parts.path, body)
        return connection.getresponse().read()


class Peer:
    """A server, the requests it received, and an event that lets it respond."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.received: list[tuple[str, str, str | None]] = []
        self.may_respond = threading.Event()
        self.may_respond.set()
        handler = type(
            "Here", (Handler,), {"received": self.received, "may_respond": self.may_respond}
        )
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # disconnected clients
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = httpx.URL(f"{scheme}://127.0.0.1:{self.server.server_port}")


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """A server that runs within the block."""
    peer = Peer(context)
    thread = threading.Thread(target=peer.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield peer
    finally:
        peer.may_respond.set()
        peer.server.shutdown()
        thread.join()
        peer.server.server_close()


def new_request(url: httpx.URL) -> httpx.Request:
    """A request with the body "zdravo"."""
    return httpx.Request("POST", url, content=b"zdravo")


def post(url: httpx.URL) -> bytes:
    """The body of the response to a request with the body "zdravo"."""
    transport = Transport(url)
    try:
        return transport.handle_request(new_request(url.join("/upit"))).read()
    finally:
        transport.close()


def error_of(transport: Transport, url: httpx.URL) -> type[BaseException]:
    """The type of the error that a request raises."""
    with pytest.raises(httpx.RequestError) as raised:
        transport.handle_request(new_request(url))
    return raised.type


@contextmanager
def serving_bytes(*responses: bytes) -> Iterator[httpx.URL]:
    """A server that sends one of these byte strings per request, on any number of connections."""
    left = list(responses)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while left:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    while left and received_request(connection):
                        connection.sendall(left.pop(0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield httpx.URL(f"http://127.0.0.1:{listening.getsockname()[1]}")
    left.clear()
    with suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def received_request(connection: socket.socket) -> bool:
    """Whether a complete request was received, not the end of the connection."""
    request = b""
    while not request.endswith(b"zdravo"):
        part = connection.recv(65536)
        if not part:
            return False
        request += part
    return True


@contextmanager
def dripping(start: bytes, drop: bytes) -> Iterator[httpx.URL]:
    """A server that sends `start` and then `drop` again and again, without end."""
    listening = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                received_request(connection)
                connection.sendall(start)
                while not is_over.wait(0.02):
                    connection.sendall(drop)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield httpx.URL(f"http://127.0.0.1:{listening.getsockname()[1]}")
    is_over.set()
    with suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)
