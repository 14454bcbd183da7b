"""A small sandbox and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sandbox_caller import LAST_DAY, Caller

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World


@pytest.fixture
def world() -> World:
    return World.generate((101, 102), conversations=60, days=20, last_day=LAST_DAY)


@pytest.fixture
def api(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"X-API-Key": SANDBOX_KEY}) as client:
        yield client


@pytest.fixture
def call(api: Sandbox, http: httpx.Client) -> Caller:
    return Caller(api, http)
