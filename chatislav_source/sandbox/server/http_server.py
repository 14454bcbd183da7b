"""The HTTP server: reads a request, calls `respond`, and sends the response at once."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread, current_thread
from typing import Any

from chatislav_source.sandbox.server.answer import JSON, Answer

MAX_BODY_BYTES = 1024 * 1024  # of a request
RESET = struct.pack("ii", 1, 0)  # SO_LINGER that makes close() send RST
MISSING_BYTES = 1_000  # difference of Content-Length and the length of a truncated response


@dataclass(frozen=True)
class Incoming:
    """A request as received."""

    method: str
    path: str
    headers: Message
    body: bytes
    connection: Connection


class Connection(BaseHTTPRequestHandler):
    """One connection of a client, kept open for many requests."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client has disconnected, or the sandbox stops
            self.close_connection = True

    def serve(self) -> None:
        body = self._read_body()
        if body is not None:
            self.server.respond(Incoming(self.command, self.path, self.headers, body, self))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve  # noqa: N815 - names are http.server's

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self.close_connection = True
            self.send(Answer(411, {"error": "Content-Length is required"}))
            return None
        if int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.send(Answer(413, {"error": "the request is too large"}))
            return None
        return self.rfile.read(int(length))

    def send(self, answer: Answer) -> None:
        """Send a complete response."""
        self.request.sendall(self._bytes(answer, len(answer.content)))

    def send_truncated(self, answer: Answer) -> None:
        """Send half of a response, shorter than its Content-Length, then close."""
        half = answer.content[: len(answer.content) // 2]
        self.close_connection = True
        self.request.sendall(self._bytes(answer, len(half) + MISSING_BYTES, half))

    def reset(self) -> None:
        """Reset the connection without a response."""
        self.close_connection = True
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def close(self) -> None:
        """Close the connection with a FIN, without a response."""
        self.close_connection = True

    def stays_for(self, seconds: float) -> bool:
        """Wait that long; False at once if the client disconnects or the sandbox stops."""
        if seconds <= 0:
            return True
        self.request.settimeout(seconds)
        try:
            return bool(self.request.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            self.request.settimeout(None)

    def _bytes(self, answer: Answer, length: int, content: bytes | None = None) -> bytes:
        headers = {"Content-Type": JSON} | answer.headers | {"Content-Length": str(length)}
        if self.close_connection:
            headers["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {answer.status} {_reason(answer.status)}\r\n{lines}\r\n".encode("latin-1")
        if self.command == "HEAD":
            return head
        return head + (answer.content if content is None else content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name is http.server's
        """Write no log, as requests are in the request log."""


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class Server(ThreadingHTTPServer):
    """Listens on loopback only; registers its connections, to close them when it stops."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, respond: Callable[[Incoming], None]) -> None:
        self.respond = respond
        self._connections: dict[Thread, socket.socket] = {}
        self._connections_lock = Lock()
        super().__init__(("127.0.0.1", port), Connection)

    def server_bind(self) -> None:
        # http.server would look up the host's name here, maybe over the network.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._connections_lock:
            self._connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                del self._connections[current_thread()]

    def shutdown_request(self, request: Any) -> None:
        # After a FIN the client would not see the RST.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET)) == RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def close_connections(self, seconds: float) -> None:
        """Close every connection; wait at most `seconds` for each of their threads."""
        with self._connections_lock:
            connections = dict(self._connections)
        for connection in connections.values():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed meanwhile
                continue
        for thread in connections:
            thread.join(seconds)
