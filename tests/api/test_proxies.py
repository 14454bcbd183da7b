"""Proxies that the environment names: which requests go through them, and what they are told."""

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
    assert proxy.asked == [("POST", str(peer.url.join("/upit")), None)]
    assert peer.asked == [("POST", "/upit", None)]


def test_a_proxy_gets_the_login_that_its_address_has(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy, "ana:lozin%3A%D0%BA%D0%B0@"))

    post(peer.url)

    assert [login for *_, login in proxy.asked] == [LOGIN]
    assert [login for *_, login in peer.asked] == [None]


def test_a_proxy_needs_no_scheme(peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy).removeprefix("http://"))

    assert post(peer.url) == b"zdravo"
    assert len(proxy.asked) == 1


def test_a_server_that_needs_no_proxy_is_asked_directly(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert post(peer.url) == b"zdravo"
    assert proxy.asked == []


def test_a_port_that_needs_no_proxy_is_asked_directly(
    peer: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy_url(proxy))
    monkeypatch.setenv("no_proxy", f"127.0.0.1:{peer.url.port}")

    assert post(peer.url) == b"zdravo"
    assert proxy.asked == []


def test_with_tls_a_proxy_is_asked_for_a_tunnel_and_never_for_what_goes_through(
    secure: Peer, proxy: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy_url(proxy, "ana:lozin%3A%D0%BA%D0%B0@"))

    with pytest.raises(httpx.ProxyError):
        post(secure.url)

    assert proxy.asked == [("CONNECT", f"127.0.0.1:{secure.url.port}", LOGIN)]
    assert secure.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "socks5://ana:lozinka@127.0.0.1:1",
        "http://ana:lozinka@127.0.0.1:x",
        "ftp://127.0.0.1:1",
        "http://",
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_without_its_login(
    peer: Peer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    with pytest.raises(ConfigurationError, match="proxy") as raised:
        Transport(peer.url)

    assert "lozinka" not in str(raised.value)
