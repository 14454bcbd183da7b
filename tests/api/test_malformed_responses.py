"""Responses that are not valid HTTP: each is an error that is retried."""

from __future__ import annotations

import httpx
import pytest

from chatislav_source.api.transport import Transport
from tests.api.peer import error_of, new_request, serving_bytes

ODD_ANSWERS = {
    "a change of protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a chunk of less than nothing": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n"
    ),
    "a chunk without end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nabc\r\n"
    ),
    "no HTTP": b"SSH-2.0-OpenSSH_9.7\r\n\r\n",
    "no end of the headers": b"SSH-2.0-OpenSSH_9.7\r\n",
}


ENDS_BY = {"no end of the headers": httpx.ReadTimeout}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_invalid_http_is_an_error_and_its_connection_is_not_reused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.api.transport.READ_TIMEOUT_SECONDS", 0.5)
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nda"
    with serving_bytes(ODD_ANSWERS[name], good) as url:
        transport = Transport(url)

        assert error_of(transport, url) is ENDS_BY.get(name, httpx.RemoteProtocolError)
        response = transport.handle_request(new_request(url))
        transport.close()

    assert response.read() == b"da"


def test_headers_are_read_unchanged() -> None:
    header = "X-A: привет".encode()
    with serving_bytes(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nContent-Length: 2\r\n\r\nda") as url:
        transport = Transport(url)
        response = transport.handle_request(new_request(url))
        transport.close()

    assert response.headers.raw[0] == (b"X-A", "привет".encode())


def test_an_interim_response_is_skipped() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nda"
    with serving_bytes(interim + good) as url:
        transport = Transport(url)
        response = transport.handle_request(new_request(url))
        transport.close()

    assert (response.status_code, response.read()) == (200, b"da")
