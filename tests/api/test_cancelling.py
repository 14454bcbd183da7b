"""Cancelling a client releases its waiting threads, and nothing more is sent."""

from __future__ import annotations

import threading
import time

import pytest

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import Cancelled
from chatislav_source.sandbox import Sandbox
from tests.api.posting import error_of
from tests.soon import soon


def test_cancelling_releases_threads_that_wait_for_a_response(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.configure(faults={"hang": 1.0})
    ended: list[type[BaseException]] = []
    threads = [threading.Thread(target=lambda: ended.append(error_of(client))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert soon(lambda: api.max_in_flight == 2)

    began = time.monotonic()
    client.cancel()
    for thread in threads:
        thread.join(20)

    assert ended == [Cancelled, Cancelled]
    assert time.monotonic() - began < 5.0  # the read timeout is a minute


def test_cancelling_releases_threads_that_wait_between_tries(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch, client: ChatislavClient
) -> None:
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 10_000.0)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 10_000.0)
    api.configure(faults={"500": 1.0})
    ended: list[type[BaseException]] = []
    thread = threading.Thread(target=lambda: ended.append(error_of(client, tries=8)))
    thread.start()
    assert soon(lambda: api.count() == 1)

    client.cancel()
    thread.join(20)

    assert ended == [Cancelled]


def test_after_cancelling_nothing_is_sent(api: Sandbox, client: ChatislavClient) -> None:
    client.cancel()

    assert error_of(client) is Cancelled
    assert api.count() == 0
