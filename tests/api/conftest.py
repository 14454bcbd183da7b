"""Fixtures: a sandbox, clients, and servers for the transport; without proxies and waiting."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from chatislav_source.api import rate_limiter
from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.transport import Transport
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.api.peer import Peer, serving
from tests.api.posting import OTHER_KEY, RecordingRateLimiter


@pytest.fixture(scope="module")
def shared_world() -> World:
    return World.generate(bot_ids=(101, 102), conversations=10, days=5)


@pytest.fixture
def api(shared_world: World) -> Iterator[Sandbox]:
    with Sandbox(shared_world, api_keys=(SANDBOX_KEY, OTHER_KEY)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a wait, and make waiting threads check the clock often."""
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.api.api_keys.WAITS", (0.0,) * 5)
    monkeypatch.setattr(rate_limiter, "LONGEST_NAP_SECONDS", 0.001)


@pytest.fixture
def limiter() -> RecordingRateLimiter:
    return RecordingRateLimiter()


@pytest.fixture
def new_client(
    limiter: RecordingRateLimiter,
) -> Iterator[Callable[..., Any]]:
    """Creates clients, and closes them after the test."""
    made = []

    def make(api: Sandbox, *keys: str) -> ChatislavClient:
        made.append(ChatislavClient(api.base_url, keys or (SANDBOX_KEY,), limiter))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(api: Sandbox, new_client: Callable[..., ChatislavClient]) -> ChatislavClient:
    return new_client(api)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The list of all requests that the transport sends."""
    kept: list[httpx.Request] = []
    send = Transport.handle_request

    def keep(self: Transport, request: httpx.Request) -> httpx.Response:
        kept.append(request)
        return send(self, request)

    monkeypatch.setattr(Transport, "handle_request", keep)
    return kept


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serving() as each:
        yield each


@pytest.fixture
def proxy() -> Iterator[Peer]:
    with serving() as each:
        yield each


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """A server whose certificate authority is configured in the environment."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(context) as each:
        yield each
