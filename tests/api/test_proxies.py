"""Proxies of the environment: which requests they receive, and with which credentials."""

from __future__ import annotations

import base64

import httpx
import pytest

from chatislav_source.api.transport import Transport
from chatislav_source.errors import ConfigurationError
from tests.api.peer import Peer, post

LOGIN = "Basic " + base64.b64encode("ana:lozin:ка".encode()).decode()


def proxy_url(proxy: Peer, login: str = "") -> str:
    return f"http://{login}127.0.0.1:{proxy.url.port}"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_forwards_the_request(
    peer: Peer, proxy: Peer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy_url(proxy))

    assert post(peer.url) == b"zdravo"
    assert proxy.received == [("POST", str(peer.url.join("/upit")), None)]
    assert peer.received == [("POST", "/upit", None)]


def test_the_credentials_in_a_proxy_url_are_sent_to_the_proxy(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy, "ana:lozin%3A%D0%BA%D0%B0@"))

    post(peer.url)

    assert [login for *_, login in proxy.received] == [LOGIN]
    assert [login for *_, login in peer.received] == [None]


def test_a_proxy_url_may_have_no_scheme(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy).removeprefix("http://"))

    assert post(peer.url) == b"zdravo"
    assert len(proxy.received) == 1


def test_a_host_in_no_proxy_is_requested_directly(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert post(peer.url) == b"zdravo"
    assert proxy.received == []


def test_a_port_in_no_proxy_is_requested_directly(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy))
    monkeypatch.setenv("no_proxy", f"127.0.0.1:{peer.url.port}")

    assert post(peer.url) == b"zdravo"
    assert proxy.received == []


def test_with_tls_a_proxy_gets_a_connect_request_only(
    secure: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy_url(proxy, "ana:lozin%3A%D0%BA%D0%B0@"))

    with pytest.raises(httpx.ProxyError):
        post(secure.url)

    assert proxy.received == [("CONNECT", f"127.0.0.1:{secure.url.port}", LOGIN)]
    assert secure.received == []


@pytest.mark.parametrize(
    "address",
    [
        "socks5://ana:lozinka@127.0.0.1:1",
        "http://ana:lozinka@127.0.0.1:x",
        "ftp://127.0.0.1:1",
        "http://",
    ],
)
def test_the_error_for_an_unusable_proxy_has_no_credentials(
    peer: Peer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    with pytest.raises(ConfigurationError, match="proxy") as raised:
        Transport(peer.url)

    assert "lozinka" not in str(raised.value)
