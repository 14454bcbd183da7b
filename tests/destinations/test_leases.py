"""Leases, which replace locks in warehouses that have none: on Postgres, and on the emulators."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import LoadFailedError, PipelineLockedError
from chatislav_source.destinations import postgres
from chatislav_source.destinations.adapter import Adapter
from chatislav_source.destinations.concurrency import bot_locks, leases
from chatislav_source.destinations.concurrency.bot_locks import check, take
from tests.soon import soon

from . import warehouses
from .meeting import WAITING, Meeting, hold_inserts
from .warehouses import Warehouse

BOTS = [1, 2]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is refused waits as short as possible."""
    monkeypatch.setattr(leases, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def met(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meeting]:
    """A Postgres on which leases are used, with their table."""
    monkeypatch.setattr(postgres, "ADAPTER", replace(postgres.ADAPTER, locks=leases.Leases))
    server = warehouses.postgres(postgres_url)
    api: Any = None  # nothing is requested
    made = Meeting(server, postgres_url, api, tmp_path, server.new_dataset())
    with made.pool:
        with held(made.pipeline("first"), BOTS):
            pass
        yield made


held = bot_locks.bot_locks


def table_of(warehouse: Warehouse, pipeline: dlt.Pipeline) -> str:
    """The table of leases, as it has to be written in SQL."""
    return warehouse.qualified(pipeline, leases.TABLE)


def expire(warehouse: Warehouse, pipeline: dlt.Pipeline) -> None:
    """All leases expire."""
    table = table_of(warehouse, pipeline)
    warehouse.execute(pipeline, f"UPDATE {table} SET expires_at = 1 WHERE expires_at > 1")


def expiries(met: Meeting) -> set[int]:
    """When the leases expire."""
    return {at for (at,) in met.asked(f"SELECT expires_at FROM {met.dataset}.{leases.TABLE}")}


@pytest.mark.parametrize("warehouse", ["postgres", "snowflake", "bigquery"], indirect=True)
def test_a_leased_bot_is_refused_until_the_lease_is_released_or_expires(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ADAPTER", replace(postgres.ADAPTER, locks=leases.Leases))
    dataset = warehouse.new_dataset()
    one, other, third = (
        warehouse.pipeline(tmp_path / name, dataset, name=name) for name in ("a", "b", "c")
    )
    with held(one, BOTS):
        with pytest.raises(PipelineLockedError, match=r"Bot 2 .*\(pipeline a, process \d+ on .+\)"):
            take(other, [2, 3])
        with held(third, [3]):  # the refused run holds none of its bots
            check(one)
            expire(warehouse, one)
            check(one)  # no other run has taken it
            expire(warehouse, one)
            with held(other, [2]), pytest.raises(PipelineLockedError, match="has lost its lock"):
                check(one)
    with held(other, BOTS):
        check(other)

    assert warehouse.execute(one, f"SELECT * FROM {table_of(warehouse, one)}") == []


def test_of_two_runs_that_insert_at_once_one_is_refused(
    met: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "ATTEMPTS", 100)  # the one that stays waits for the other to leave
    hold_inserts(met, 43, leases.TABLE)
    with met.held_up("SELECT pg_advisory_lock(43)"):
        runs = [met.pool.submit(take, met.pipeline(name), BOTS) for name in ("first", "second")]
        assert soon(lambda: met.asked(WAITING) == [(2,)])

    errors = [run.exception() for run in runs]
    assert errors.count(None) == 1
    assert any(isinstance(error, PipelineLockedError) for error in errors)
    for name in ("first", "second"):
        bot_locks.release(met.pipeline(name))


def test_a_lease_is_extended_during_a_long_load(
    met: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EXTEND_SECONDS", 0.01)
    pipeline = met.pipeline("first")
    with held(pipeline, BOTS):
        expire(met.warehouse, pipeline)

        assert soon(lambda: min(expiries(met)) > 1)

    assert expiries(met) == set()


def test_a_check_extends_a_lease_that_its_thread_could_not_extend(
    met: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = met.pipeline("first")
    with held(pipeline, BOTS):
        expire(met.warehouse, pipeline)
        check(pipeline)
        assert expiries(met) == {1}

        monkeypatch.setattr(leases, "_seconds_since", lambda _: 2 * leases.EXTEND_SECONDS + 1)
        check(pipeline)

        assert min(expiries(met)) > 1


def test_a_bot_that_cannot_be_locked_is_an_error(met: Meeting) -> None:
    met.asked(f"DROP TABLE {met.dataset}.{leases.TABLE}")
    met.asked(f"CREATE TABLE {met.dataset}.{leases.TABLE} (other text)")

    with pytest.raises(LoadFailedError, match="The lock step failed"):
        take(met.pipeline("first"), BOTS)


def test_an_untested_destination_that_has_no_leases_is_used_without(
    met: Meeting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    met.asked(f"DROP TABLE {met.dataset}.{leases.TABLE}")
    met.asked(f"CREATE TABLE {met.dataset}.{leases.TABLE} (other text)")
    monkeypatch.setattr(bot_locks, "adapter_of", lambda _: Adapter())

    with caplog.at_level(logging.WARNING, "chatislav_source"):
        take(met.pipeline("first"), BOTS)

    assert "Let only one run at a time load a bot" in caplog.text


def test_a_destination_without_sql_has_no_lock(tmp_path: Path) -> None:
    files: Callable[..., Any] = dlt.destinations.filesystem
    pipeline = dlt.pipeline("files", destination=files(str(tmp_path)), dataset_name="data")

    with held(pipeline, BOTS):
        check(pipeline)

    assert not (tmp_path / "data").exists()
