"""The transport over real sockets: TLS, and connections that are reused, dropped or closed."""

from __future__ import annotations

import logging
import socket
import threading

import httpx
import pytest

from chatislav_source.api import transport as module
from chatislav_source.api.connections import SocketRegistry
from chatislav_source.api.transport import Transport
from tests.api.peer import Peer, error_of, new_request, post, serving_bytes
from tests.soon import soon


def test_a_request_goes_to_the_server(peer: Peer) -> None:
    assert post(peer.url) == b"zdravo"
    assert peer.received == [("POST", "/upit", None)]


def test_tls_works_with_a_valid_certificate(secure: Peer) -> None:
    assert post(secure.url) == b"zdravo"


def test_nothing_is_sent_to_a_server_with_an_untrusted_certificate(
    secure: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(httpx.ConnectError):
        post(secure.url)

    assert secure.received == []


def test_nothing_is_sent_to_a_server_with_a_certificate_for_another_name(secure: Peer) -> None:
    with pytest.raises(httpx.ConnectError):
        post(secure.url.copy_with(host="localhost"))

    assert secure.received == []


@pytest.mark.parametrize("kind", ["peer", "secure"])
def test_abort_ends_a_read_that_waits_for_a_response(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: Peer = request.getfixturevalue(kind)
    server.may_respond.clear()
    transport = Transport(server.url)
    ended: list[type[BaseException]] = []
    thread = threading.Thread(target=lambda: ended.append(error_of(transport, server.url)))
    thread.start()
    assert soon(lambda: len(server.received) == 1)

    transport.abort()
    thread.join(10)
    transport.close()

    assert ended == [httpx.RemoteProtocolError]


@pytest.mark.parametrize("kind", ["peer", "secure"])
def test_after_abort_nothing_is_sent(kind: str, request: pytest.FixtureRequest) -> None:
    server: Peer = request.getfixturevalue(kind)
    transport = Transport(server.url)
    transport.abort()

    assert issubclass(error_of(transport, server.url), httpx.RequestError)

    transport.close()
    assert server.received == []


def test_after_it_is_closed_nothing_is_sent(peer: Peer) -> None:
    transport = Transport(peer.url)
    transport.close()

    assert issubclass(error_of(transport, peer.url), httpx.RequestError)
    assert peer.received == []


def test_a_socket_that_is_registered_after_the_others_were_shut_down_is_shut_down_too() -> None:
    sockets = SocketRegistry()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(20)
        sockets.shut_down()

        sockets.add(ours)

        assert theirs.recv(1) == b""


def test_closed_sockets_are_ignored() -> None:
    sockets = SocketRegistry()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(20)
        sockets.add(ours)
        ours.close()

        sockets.shut_down()

        assert theirs.recv(1) == b""


@pytest.mark.parametrize(
    ("idle_seconds", "connections"),
    [pytest.param(99.0, 1, id="not long enough"), pytest.param(-1.0, 3, id="too long")],
)
def test_a_connection_that_was_idle_too_long_is_not_reused(
    peer: Peer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    idle_seconds: float,
    connections: int,
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", idle_seconds)
    caplog.set_level(logging.DEBUG, logger="httpcore")
    transport = Transport(peer.url)

    for _ in range(3):
        transport.handle_request(new_request(peer.url))
    transport.close()

    assert caplog.text.count("connect_tcp.complete") == connections
    assert caplog.text.count("close.complete") == connections


def test_a_connection_that_the_server_closed_while_idle_is_not_reused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore")
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nda"
    with serving_bytes(good, good) as url:
        transport = Transport(url)

        bodies = [transport.handle_request(new_request(url)).read() for _ in range(2)]
        transport.close()

    assert bodies == [b"da", b"da"]
    assert caplog.text.count("connect_tcp.complete") == 2


def test_the_log_of_httpcore_has_no_headers(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore")
    filters = list(logging.getLogger("httpcore.http11").filters)

    post(peer.url)

    messages = [r.getMessage() for r in caplog.records if r.name == "httpcore.http11"]
    assert "receive_response_headers.complete" in messages
    assert all(" " not in message for message in messages)
    assert logging.getLogger("httpcore.http11").filters == filters
