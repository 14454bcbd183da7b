"""The HTTP transport of httpx, with connections that another thread can close."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import httpx

from chatislav_source.config import MAX_CONCURRENCY
from chatislav_source.errors import ConfigurationError

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 60.0  # between two parts of a response; long conversations take long
IDLE_SECONDS = 5.0  # then a connection is not reused, as a firewall may have dropped it
OPENED = ("connect_tcp.complete", "start_tls.complete")  # httpx's trace events with a new socket
HTTP_LOGGER = logging.getLogger("httpcore.http11")


class SocketRegistry:
    """Registers the open sockets, so that one thread can abort the reads of all others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self.is_shut_down = False

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Register a new socket; httpx calls this with every event of a request."""
        if event.endswith(OPENED):
            self.add(info["return_value"].get_extra_info("socket"))

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


class EventNameFilter(logging.Filter):
    """Keeps only the names of httpcore's events, as a response header may contain the API key."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Truncate the message after its first word."""
        record.msg = str(record.msg).partition(" ")[0]
        return True


class Transport(httpx.BaseTransport):
    """Sends requests to the host of `base_url`, through the proxy of the environment.

    Thread-safe. It does not retry, follow redirects or store cookies.

    Raises:
        ConfigurationError: the proxy cannot be used.
    """

    def __init__(self, base_url: httpx.URL) -> None:
        self._sockets = SocketRegistry()
        self._http = _http_transport(base_url)
        timeout = httpx.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
        self._extensions = {"timeout": timeout.as_dict(), "trace": self._sockets.trace}
        self._log_filter = EventNameFilter()
        HTTP_LOGGER.addFilter(self._log_filter)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response, with its body read and decompressed.

        Raises:
            httpx.RequestError: there is no response, or it is invalid HTTP.
        """
        if self._sockets.is_shut_down:
            raise httpx.ConnectError("all connections were closed", request=request)
        request.extensions = {**request.extensions, **self._extensions}
        response = self._http.handle_request(request)
        try:
            response.read()
        finally:
            response.close()
        return response

    def abort(self) -> None:
        """Close every connection, also those being opened; running and later requests fail."""
        self._sockets.shut_down()

    def close(self) -> None:
        """Close every connection; later requests fail."""
        self.abort()
        self._http.close()
        HTTP_LOGGER.removeFilter(self._log_filter)


def _http_transport(base_url: httpx.URL) -> httpx.HTTPTransport:
    try:
        proxy = _environment_proxy(base_url)
        return httpx.HTTPTransport(
            verify=_ssl_context(base_url),
            limits=httpx.Limits(
                max_connections=MAX_CONCURRENCY,
                max_keepalive_connections=MAX_CONCURRENCY,
                keepalive_expiry=IDLE_SECONDS,
            ),
            proxy=proxy,
        )
    except (httpx.InvalidURL, ValueError, ImportError):  # ImportError: SOCKS needs another package
        raise ConfigurationError(
            f"The proxy that the environment has for {base_url.scheme} cannot be used; write it as "
            "http://proxy.example:3128, or name the API's host in NO_PROXY."
        ) from None


def _environment_proxy(base_url: httpx.URL) -> httpx.Proxy | None:
    proxies = getproxies()
    address = proxies.get(base_url.scheme) or proxies.get("all")
    if not address or proxy_bypass(base_url.netloc.decode()):
        return None
    url = httpx.URL(address if "://" in address else f"http://{address}")
    if not url.host:
        raise httpx.InvalidURL("no host")
    return httpx.Proxy(url, ssl_context=_ssl_context(url) if url.scheme == "https" else None)


def _ssl_context(url: httpx.URL) -> ssl.SSLContext:
    if url.scheme == "https":
        return httpx.create_ssl_context()
    # without trusted certificates, as loading them takes 20 ms and 2 MB
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
