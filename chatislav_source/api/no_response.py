"""Says why a request got no response: the host, the cause and what to do; never the request."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

import httpx

CHECK_ADDRESS = "Check base_url and the network."
CHECK_PROXY = "Check the proxy's address in HTTPS_PROXY, or name the API's host in NO_PROXY."
CHECK_CERTIFICATE = (
    "If a proxy of your company inspects traffic, set SSL_CERT_FILE to a file with its "
    "certificate authority; else check base_url and the clock of this machine."
)
STATUS = re.compile(r"\d{3}\b")


@dataclass(frozen=True)
class NoResponse:
    """Why there is no response, and what to do about it; `advice` may be empty.

    `is_connection`: no connection was made, so a smaller page does not help. `is_slow`: the time
    was up.
    """

    reason: str
    advice: str = ""
    is_connection: bool = False
    is_slow: bool = False


def explained(error: httpx.RequestError, host: str, proxy: str | None) -> NoResponse:
    """The cause of `error`, from types and codes only, as its text may contain the request.

    `host` is the API's host and port; `proxy` those of the proxy, None if there is none.
    """
    if isinstance(error, httpx.ProxyError):
        status = STATUS.match(str(error))
        what = f"answered HTTP {_status_text(status[0])}" if status else "refused to connect"
        return NoResponse(f"the proxy {proxy} {what} for {host}", CHECK_PROXY, is_connection=True)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _not_connected(error, host, proxy)
    if isinstance(error, httpx.TimeoutException):
        return NoResponse(f"{host} did not send the whole response in time", is_slow=True)
    if isinstance(error, httpx.DecodingError):
        return NoResponse(f"{host} sent a body whose compression is broken")
    cause = _first_of(error, OSError)
    what = _os_text(cause) if cause else "the connection was closed, or the response is no HTTP"
    return NoResponse(f"no complete response from {host}: {what}")


def _not_connected(error: httpx.RequestError, host: str, proxy: str | None) -> NoResponse:
    certificate = _first_of(error, ssl.SSLCertVerificationError)
    if certificate:
        problem = getattr(certificate, "verify_message", "").rstrip(".") or "unknown reason"
        reason = f"the certificate of {host} is not accepted: {problem}"
        return NoResponse(reason, CHECK_CERTIFICATE, is_connection=True)
    tls = _first_of(error, ssl.SSLError)
    if tls:
        problem = (getattr(tls, "reason", None) or "unknown reason").replace("_", " ").lower()
        reason = f"the TLS handshake with {host} failed: {problem}"
        return NoResponse(reason, CHECK_ADDRESS, is_connection=True)
    place, advice = (f"the proxy {proxy}", CHECK_PROXY) if proxy else (host, CHECK_ADDRESS)
    cause = _first_of(error, OSError, UnicodeError)
    if isinstance(cause, socket.gaierror | UnicodeError):
        reason = f"no address is known for {place}"
    elif isinstance(error, httpx.ConnectTimeout):
        reason = f"{place} did not accept a connection in time"
    else:
        what = _os_text(cause) if isinstance(cause, OSError) else "the connection failed"
        reason = f"no connection to {place}: {what}"
    return NoResponse(
        reason, advice, is_connection=True, is_slow=isinstance(error, httpx.ConnectTimeout)
    )


def _first_of(error: BaseException, *types: type[BaseException]) -> BaseException | None:
    return next((cause for cause in _causes(error) if isinstance(cause, types)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _os_text(error: BaseException) -> str:
    code = getattr(error, "errno", None)
    return os.strerror(code).lower() if code else type(error).__name__


def _status_text(status: str) -> str:
    known = {str(each.value): f"{each.value} {each.phrase}" for each in HTTPStatus}
    return known.get(status, status)
