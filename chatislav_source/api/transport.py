"""The way to one server: an httpx transport over urllib3, which can be cut from another thread.

httpx's own reads answers in Python: a page costs it twice the processor time, half a millisecond
more, in which no other thread can make rows.
"""

from __future__ import annotations

import socket
import threading
import time
from base64 import b64encode
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import httpx
import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from chatislav_source.config import MAX_CONCURRENCY
from chatislav_source.errors import ConfigurationError

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 60.0  # a page of long conversations may take its time

AS_OF_HTTPX: tuple[tuple[type[Exception], type[httpx.RequestError]], ...] = (
    (exceptions.NewConnectionError, httpx.ConnectError),
    (exceptions.ConnectTimeoutError, httpx.ConnectTimeout),
    (exceptions.TimeoutError, httpx.ReadTimeout),
    (exceptions.ProxyError, httpx.ProxyError),
    (exceptions.SSLError, httpx.ConnectError),
    (exceptions.ProtocolError, httpx.RemoteProtocolError),
    (exceptions.HTTPError, httpx.NetworkError),
)
"""What of urllib3's is what of httpx's; the first that fits."""

IDLE_SECONDS = 5.0  # after which a connection is made anew, as httpx does
FINAL = 200  # HTTP status from which on an answer is the last
LATIN = "latin-1"  # of headers


class Connections:
    """Knows the open sockets, and can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._is_cut = False

    def note(self, opened: socket.socket) -> None:
        """A connection was made."""
        with self._lock:
            self._sockets.add(opened)
            is_cut = self._is_cut
        if is_cut:
            _cut(opened)

    def cut(self) -> None:
        """End every connection, and each made later at once; whoever waits on one gets an error."""
        with self._lock:
            self._is_cut = True
            sockets = list(self._sockets)
        for opened in sockets:
            _cut(opened)


def _cut(opened: socket.socket) -> None:
    # closing it from another thread would not wake the one that reads; and the base class's
    # method is called as that of a TLS socket would first let go of its TLS state
    with suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


class NotedConnection(HTTPConnection):
    """A connection, with or without TLS, that `connections` know once it is made."""

    connections: ClassVar[Connections]
    used_at = 0.0  # seconds of the monotonic clock

    def connect(self) -> None:
        """Make it."""
        super().connect()
        # TLS within the TLS of a proxy is no socket, but has one
        self.connections.note(getattr(self.sock, "socket", self.sock))
        self.used_at = time.monotonic()

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again: one that was idle may be forgotten by what lies between."""
        return super().is_connected and time.monotonic() - self.used_at < IDLE_SECONDS

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override] # as urllib3 does
        """The answer.

        Raises:
            ProtocolError: it is an interim one, after which another would come.
        """
        response = super().getresponse()
        if response.status < FINAL:
            raise exceptions.ProtocolError("an interim answer")
        self.used_at = time.monotonic()
        return response


class Transport(httpx.BaseTransport):
    """Sends requests to the server of `base_url`, by the proxy that the environment has for it.

    Safe to use from many threads. Nothing is repeated, no redirect followed, no cookie kept.

    Raises:
        ConfigurationError: the proxy cannot be used.
    """

    def __init__(self, base_url: httpx.URL) -> None:
        self._connections = Connections()
        self._timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS)
        manager = _manager(base_url)
        # a proxy that only forwards must be told where to
        self._is_forwarded = manager.proxy is not None and base_url.scheme == "http"
        self._pool = manager.connection_from_url(str(base_url))
        kinds = (NotedConnection, self._pool.ConnectionCls)
        self._pool.ConnectionCls = type("Noted", kinds, {"connections": self._connections})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response, which is read already, but still as compressed as it came.

        Raises:
            httpx.RequestError: there is none.
        """
        url = request.url
        try:
            response = self._pool.urlopen(
                request.method,
                str(url) if self._is_forwarded else url.raw_path.decode(),
                body=request.content,
                headers=dict(request.headers),
                timeout=self._timeout,
                retries=False,
                redirect=False,
                assert_same_host=False,
                decode_content=False,
            )
        except exceptions.HTTPError as error:
            kind = next(ours for theirs, ours in AS_OF_HTTPX if isinstance(error, theirs))
            raise kind(str(error)) from error
        except (ValueError, ArithmeticError, MemoryError) as error:  # of sizes that are none
            raise httpx.RemoteProtocolError(type(error).__name__) from None
        # as they came: httpx would take text for ASCII
        headers = [
            (name.encode(LATIN), text.encode(LATIN)) for name, text in response.headers.items()
        ]
        stream = httpx.ByteStream(response.data)
        return httpx.Response(response.status, headers=headers, stream=stream)

    def cut(self) -> None:
        """End every connection, and each made later at once; whoever waits on one gets an error."""
        self._connections.cut()

    def close(self) -> None:
        """Close connections that are not in use."""
        self._pool.close()


def _manager(base_url: httpx.URL) -> urllib3.PoolManager:
    proxies = getproxies()
    proxy = proxies.get(base_url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(base_url.netloc.decode()):
        return urllib3.PoolManager(**_common(base_url.scheme))
    try:
        url = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
        if not url.host:
            raise httpx.InvalidURL("no host")
        login = b64encode(unquote_to_bytes(url.userinfo)).decode()
        common = _common(base_url.scheme, url.scheme)
        return urllib3.ProxyManager(
            f"{url.scheme}://{url.netloc.decode()}",
            proxy_headers={"Proxy-Authorization": f"Basic {login}"} if login else None,
            proxy_ssl_context=common["ssl_context"],
            **common,
        )
    except (httpx.InvalidURL, exceptions.HTTPError):
        raise ConfigurationError(
            f"The proxy that the environment has for {base_url.scheme} cannot be used; write it as "
            "http://proxy.example:3128, or name the API's host in NO_PROXY."
        ) from None


def _common(*schemes: str) -> dict[str, Any]:
    context = httpx.create_ssl_context() if "https" in schemes else None
    return {"maxsize": MAX_CONCURRENCY, "ssl_context": context}
