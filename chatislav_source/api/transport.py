"""The HTTP transport of httpx, with connections that another thread can close."""

from __future__ import annotations

import logging
import ssl
from urllib.request import getproxies, proxy_bypass

import httpx

from chatislav_source.api.connections import Connector, SocketRegistry
from chatislav_source.config import MAX_CONCURRENCY
from chatislav_source.errors import ConfigurationError

CONNECT_TIMEOUT_SECONDS = 6.0  # a lost packet is sent again after 1 and 3 seconds
READ_TIMEOUT_SECONDS = 60.0  # between two parts of a response; long conversations take long
IDLE_SECONDS = 5.0  # then a connection is not reused, as a firewall may have dropped it
HTTP_LOGGER = logging.getLogger("httpcore.http11")

# the codings that httpx can decode: br and zstd need another package
ACCEPT_ENCODING = httpx.Client(transport=httpx.BaseTransport(), trust_env=False).headers[
    "Accept-Encoding"
]


class EventNameFilter(logging.Filter):
    """Keeps only the names of httpcore's events, as a response header may contain the API key."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Truncate the message after its first word."""
        record.msg = str(record.msg).partition(" ")[0]
        return True


class Transport(httpx.BaseTransport):
    """Sends requests to the host of `base_url`, through the proxy of the environment.

    Thread-safe. It does not retry, follow redirects or store cookies. `proxy` is the host and port
    of the proxy, None if there is none.

    Raises:
        ConfigurationError: the proxy cannot be used.
    """

    def __init__(self, base_url: httpx.URL) -> None:
        self._sockets = SocketRegistry()
        proxy = _environment_proxy(base_url)
        self.proxy = proxy.url.netloc.decode("ascii") if proxy else None
        self._http = _http_transport(base_url, proxy)
        # httpx has no argument for it
        self._http._pool._network_backend = Connector(self._sockets)
        self._log_filter = EventNameFilter()
        HTTP_LOGGER.addFilter(self._log_filter)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response, with its body read and decompressed.

        The request's own timeouts of a read and of connecting apply if they are shorter.

        Raises:
            httpx.RequestError: there is no response, or it is invalid HTTP.
        """
        if self._sockets.is_shut_down:
            raise httpx.ConnectError("all connections were closed", request=request)
        own = request.extensions.get("timeout", {})
        timeout = httpx.Timeout(
            min(READ_TIMEOUT_SECONDS, own.get("read", READ_TIMEOUT_SECONDS)),
            connect=min(CONNECT_TIMEOUT_SECONDS, own.get("connect", CONNECT_TIMEOUT_SECONDS)),
        )
        request.extensions = {**request.extensions, "timeout": timeout.as_dict()}
        response = self._http.handle_request(request)
        try:
            _rename_gzip(response.headers)
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


def _rename_gzip(headers: httpx.Headers) -> None:
    """Replace `x-gzip`, which RFC 9110 calls equivalent to gzip and httpx does not know."""
    codings = headers.get("Content-Encoding", "").lower()
    if "x-gzip" in codings:
        headers["Content-Encoding"] = codings.replace("x-gzip", "gzip")


def _http_transport(base_url: httpx.URL, proxy: httpx.Proxy | None) -> httpx.HTTPTransport:
    try:
        return httpx.HTTPTransport(
            verify=_ssl_context(base_url),
            limits=httpx.Limits(
                max_connections=MAX_CONCURRENCY,
                max_keepalive_connections=MAX_CONCURRENCY,
                keepalive_expiry=IDLE_SECONDS,
            ),
            proxy=proxy,
        )
    except (ValueError, ImportError):  # ImportError: SOCKS needs another package
        raise _unusable_proxy(base_url) from None


def _environment_proxy(base_url: httpx.URL) -> httpx.Proxy | None:
    proxies = getproxies()
    address = proxies.get(base_url.scheme) or proxies.get("all")
    if not address or proxy_bypass(base_url.netloc.decode()):
        return None
    try:
        url = httpx.URL(address if "://" in address else f"http://{address}")
        if not url.host:
            raise httpx.InvalidURL("no host")
        return httpx.Proxy(url, ssl_context=_ssl_context(url) if url.scheme == "https" else None)
    except (httpx.InvalidURL, ValueError):
        raise _unusable_proxy(base_url) from None


def _unusable_proxy(base_url: httpx.URL) -> ConfigurationError:
    return ConfigurationError(
        f"The proxy that the environment has for {base_url.scheme} cannot be used; write it as "
        "http://proxy.example:3128, or name the API's host in NO_PROXY."
    )


def _ssl_context(url: httpx.URL) -> ssl.SSLContext:
    if url.scheme == "https":
        return httpx.create_ssl_context()
    # without trusted certificates, as loading them takes 20 ms and 2 MB
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
