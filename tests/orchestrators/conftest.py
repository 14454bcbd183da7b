"""Fixtures: an orchestrator is started once, for the first test that uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatislav_source.sandbox import Sandbox, World
from tests.destinations.servers.environments import Environment
from tests.destinations.servers.postgres import PostgresNotInstalledError, postgres_server

from .loaded import TODAY

WANTED = "CHATISLAV_TEST_ORCHESTRATORS"
BOTS = (101, 102, 103)


def require(environment: Environment) -> None:
    """Skip unless these tests are selected; then fail without the orchestrator's environment."""
    if os.environ.get(WANTED) != "1":
        pytest.skip("takes minutes: make test-orchestrators")
    if not environment.is_current():
        pytest.fail("to build it: python -m tests.orchestrators.environments")


@pytest.fixture(scope="module")
def world() -> World:
    """Three bots with 12 conversations a day, over the 30 days that end today.

    So many that it can be proven how their analytics are counted.
    """
    return World.generate(bot_ids=BOTS, conversations=360, days=30, last_day=TODAY, seed=7)


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[Sandbox]:
    """The sandbox, serving `world` on loopback."""
    with Sandbox(world) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """The URL of an empty Postgres server."""
    pytest.importorskip("psycopg2")
    try:
        with postgres_server() as url:
            yield url
    except PostgresNotInstalledError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of an orchestrator and its user."""
    return tmp_path_factory.mktemp("home")
