"""A request without a response: the error names host and cause, and says what to do."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import trustme

from chatislav_source.api import first_contact
from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.no_response import explained
from chatislav_source.api.transport import Transport
from chatislav_source.errors import ApiUnreachableError, RetriesExhaustedError
from chatislav_source.sandbox import Sandbox
from tests.api.peer import Peer, new_request, serving, serving_bytes
from tests.api.posting import RecordingRateLimiter, post

KEY = "chsk_live_never_shown"


@contextmanager
def client_of(url: httpx.URL | str) -> Iterator[ChatislavClient]:
    with ChatislavClient(str(url), [KEY], RecordingRateLimiter()) as client:
        yield client


def text_of(url: httpx.URL | str) -> str:
    """The message of the error that a request to `url` raises."""
    with client_of(url) as client, pytest.raises(RetriesExhaustedError) as raised:
        post(client, tries=1)
    assert KEY not in str(raised.value)
    return str(raised.value)


@pytest.fixture(autouse=True)
def _waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_refused_connection_names_host_and_port() -> None:
    port = free_port()

    text = text_of(f"http://127.0.0.1:{port}/api/v1")

    assert f"last: no connection to 127.0.0.1:{port}: connection refused. Check base_url" in text


@pytest.mark.parametrize("host", ["name.invalid", "a" * 70 + ".example"])
def test_an_unknown_name_is_named(host: str) -> None:
    assert f"no address is known for {host}. Check base_url" in text_of(f"http://{host}/v1")


def test_a_certificate_names_its_problem(secure: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    text = text_of(secure.url)

    assert f"the certificate of 127.0.0.1:{secure.url.port} is not accepted: " in text
    assert "unable to get local issuer certificate. If a proxy" in text


def test_a_certificate_for_another_name_says_so(secure: Peer) -> None:
    text = text_of(secure.url.copy_with(host="localhost"))

    assert f"the certificate of localhost:{secure.url.port} is not accepted: Hostname" in text


def test_an_expired_certificate_says_so(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("ca")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    past = trustme.datetime.datetime(2020, 1, 1)  # type: ignore[attr-defined]
    authority.issue_cert("127.0.0.1", not_after=past).configure_cert(context)

    with serving(context) as each:
        assert "is not accepted: certificate has expired. If" in text_of(each.url)


def test_a_server_without_tls_says_that_the_handshake_failed(peer: Peer) -> None:
    text = text_of(peer.url.copy_with(scheme="https"))

    assert f"the TLS handshake with 127.0.0.1:{peer.url.port} failed: " in text


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("http_proxy", f"http://ana:secret@127.0.0.1:{port}")

    text = text_of("http://api.example/v1")

    assert f"no connection to the proxy 127.0.0.1:{port}: connection refused. Check the" in text
    assert "secret" not in text


def test_a_proxy_that_opens_no_tunnel_is_named_with_its_status(
    secure: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.url.port}")

    text = text_of(secure.url)

    assert f"the proxy 127.0.0.1:{proxy.url.port} answered HTTP 403 Forbidden for 127.0.0" in text


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"", "no complete response from 127.0.0.1:"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nda", "no complete response from 127.0.0.1:"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nda",
            "sent a body whose compression is broken",
        ),
    ],
)
def test_a_response_that_is_cut_or_broken_names_the_host(sent: bytes, says: str) -> None:
    with serving_bytes(sent) as url:
        transport = Transport(url)
        with pytest.raises(httpx.RequestError) as raised:
            transport.handle_request(new_request(url))
        transport.close()

    assert says in explained(raised.value, "127.0.0.1:80", None).reason


def test_the_text_of_an_error_of_httpx_is_never_shown() -> None:
    for kind in (httpx.ReadError, httpx.RemoteProtocolError, httpx.ProxyError, httpx.ConnectError):
        why = explained(kind(f"header {KEY}"), "api.example", "proxy.example:3128")
        assert KEY not in why.reason + why.advice


@pytest.fixture
def soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_contact, "FIRST_CONTACT_SECONDS", 0.6)
    monkeypatch.setattr(first_contact, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(first_contact, "SHORTEST_SECONDS", 0.01)


@pytest.mark.usefixtures("soon_given_up")
def test_a_host_that_never_responded_is_given_up_for_all_requests() -> None:
    with client_of(f"http://127.0.0.1:{free_port()}") as client:
        began = time.monotonic()
        with pytest.raises(ApiUnreachableError) as first:
            post(client, tries=10**6)
        with pytest.raises(ApiUnreachableError) as second:
            post(client, path="/analytics", tries=10**6)

    assert 0.3 < time.monotonic() - began < 5.0
    assert str(first.value) == str(second.value)  # so that it is said once
    assert "has not responded to any request: no connection to 127.0.0.1:" in str(first.value)
    assert first.value.requests > 2
    assert second.value.requests == 0


@pytest.mark.usefixtures("soon_given_up")
def test_a_host_that_accepts_connections_and_never_responds_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        with client_of(url) as client, pytest.raises(ApiUnreachableError, match="in time"):
            post(client)

    assert time.monotonic() - began < 5.0


@pytest.mark.usefixtures("soon_given_up")
def test_a_host_that_is_slow_at_first_but_responds_to_something_is_not_given_up(
    api: Sandbox, new_client: Callable[..., ChatislavClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.api.transport.READ_TIMEOUT_SECONDS", 0.9)
    api.configure(faults={"hang": 1.0}, fault_paths={"/conversations"})
    client = new_client(api)

    with pytest.raises(RetriesExhaustedError) as raised:
        post(client, tries=3)

    assert type(raised.value) is RetriesExhaustedError
    assert raised.value.size_may_be_why  # so that smaller pages are tried
    api.configure(faults={})
    assert post(client).tries == 1


def test_a_request_that_takes_too_long_is_tried_twice(
    api: Sandbox, client: ChatislavClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client)
    monkeypatch.setattr("chatislav_source.api.transport.READ_TIMEOUT_SECONDS", 0.2)
    api.configure(faults={"hang": 1.0})

    with pytest.raises(RetriesExhaustedError, match="failed 2 times"):
        post(client, tries=8)


@pytest.mark.usefixtures("soon_given_up")
def test_a_host_that_never_responded_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="chatislav_source")
    url = f"http://127.0.0.1:{free_port()}"
    with client_of(url) as client, pytest.raises(ApiUnreachableError):
        post(client, tries=10**6)

    assert len(caplog.records) == 1
