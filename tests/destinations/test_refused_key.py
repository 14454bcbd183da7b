"""A refused key makes nothing in a warehouse either, not even the table of the locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source import AuthenticationError
from chatislav_source.destinations import postgres
from chatislav_source.destinations.adapter import Adapter
from chatislav_source.destinations.concurrency import leases
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

from . import warehouses
from .meeting import Meeting, small_world


@pytest.fixture
def met(postgres_url: str, tmp_path: Path) -> Iterator[Meeting]:
    """A Postgres, and a sandbox that refuses the key."""
    server = warehouses.postgres(postgres_url)
    with Sandbox(small_world()) as api:
        api.configure(revoked_keys={SANDBOX_KEY})
        made = Meeting(server, postgres_url, api, tmp_path, server.new_dataset())
        with made.pool:
            yield made


def syncs(met: Meeting) -> None:
    with pytest.raises(AuthenticationError):
        met.sync("here")


def runs(met: Meeting) -> None:
    with pytest.raises(PipelineStepFailed, match="The API refused the key"):
        met.run("here")


@pytest.mark.parametrize("way", [syncs, runs])
@pytest.mark.parametrize("locks", [postgres.ADAPTER.locks, leases.Leases], ids=["locks", "leases"])
def test_a_refused_key_makes_no_schema(
    met: Meeting, monkeypatch: pytest.MonkeyPatch, locks: Any, way: Callable[[Meeting], None]
) -> None:
    adapter: Adapter = replace(postgres.ADAPTER, locks=locks)
    monkeypatch.setattr(postgres, "ADAPTER", adapter)

    way(met)

    named = "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s"
    assert met.asked(named, f"{met.dataset}%") == []
