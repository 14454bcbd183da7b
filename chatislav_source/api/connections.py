"""Network connections with a deadline for a whole response, which another thread can abort."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Any
from weakref import WeakSet

import httpcore

RESPONSE_SECONDS = 120.0  # from the end of a request to the end of its response


class SocketRegistry:
    """Registers the open sockets, so that one thread can abort the reads of all others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self.is_shut_down = False

    def add(self, opened: socket.socket) -> None:
        """Register a socket; it is shut down at once if `shut_down` was called before."""
        with self._lock:
            self._sockets.add(opened)
            is_shut_down = self.is_shut_down
        if is_shut_down:  # while this socket was being opened
            _shut_down(opened)

    def shut_down(self) -> None:
        """Shut down every socket, and each that is registered later; reads from them fail."""
        with self._lock:
            self.is_shut_down = True
            sockets = list(self._sockets)
        for opened in sockets:
            _shut_down(opened)


def _shut_down(opened: socket.socket) -> None:
    # `close` would not wake a reading thread, and `shutdown` of a TLS socket would first drop its
    # TLS state, so the method of the base class is called. A closed socket raises OSError.
    with suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


class Connection(httpcore.NetworkStream):
    """A registered connection whose reads fail `RESPONSE_SECONDS` after the last write.

    The timeout of a single read does not end a response that sends a byte from time to time.
    """

    def __init__(self, stream: httpcore.NetworkStream, sockets: SocketRegistry) -> None:
        self._stream = stream
        self._sockets = sockets
        self._deadline = inf
        sockets.add(stream.get_extra_info("socket"))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes; fewer than `max_bytes` if no more have arrived.

        Raises:
            httpcore.ReadTimeout: nothing arrived within `timeout`, or the deadline has passed.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the response did not end")
        return self._stream.read(max_bytes, min(left, inf if timeout is None else timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes, and set the deadline anew."""
        self._deadline = time.monotonic() + RESPONSE_SECONDS
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Connection:
        """The connection after the TLS handshake, which makes a new socket."""
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return Connection(stream, self._sockets)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about the socket."""
        return self._stream.get_extra_info(info)


class Connector(httpcore.SyncBackend):
    """Opens connections; the timeout is shared by all addresses of a host.

    Otherwise a host with four addresses behind a firewall would take four times as long.
    """

    def __init__(self, sockets: SocketRegistry) -> None:
        self._sockets = sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Connection:
        """A connection to the first address of `host` that accepts one.

        Raises:
            httpcore.ConnectError: the name is unknown, or no address accepts a connection.
            httpcore.ConnectTimeout: the last address did not respond.
        """
        addresses = _addresses(host, port)
        until = inf if timeout is None else time.monotonic() + timeout
        while True:
            address = addresses.pop(0)
            share = (until - time.monotonic()) / (len(addresses) + 1)
            longest = None if timeout is None else max(share, 0.001)
            try:
                stream = super().connect_tcp(address, port, longest, local_address, socket_options)
                return Connection(stream, self._sockets)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label is longer than 63 characters
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
