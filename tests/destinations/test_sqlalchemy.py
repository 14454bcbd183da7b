"""SQLite and MySQL by SQLAlchemy: the check, and one run per bot."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.destination.client import DestinationClientDwhConfiguration
from dlt.common.schema import Schema

from chatislav_source import PipelineLockedError
from chatislav_source.cli.access.destination import check_destination
from chatislav_source.destinations.concurrency import leases
from chatislav_source.destinations.concurrency.bot_locks import bot_locks
from chatislav_source.destinations.target import PipelineConfig

from . import warehouses
from .conftest import require_client


@pytest.fixture(autouse=True)
def _client() -> None:
    require_client("sqlalchemy", "sqlalchemy")


def test_the_check_passes_on_sqlite_and_leaves_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    monkeypatch.setenv("DESTINATION__SQLALCHEMY__CREDENTIALS", url)
    config = PipelineConfig("sqlalchemy", Path(), "chat", "test", str(tmp_path / "pipelines"))

    assert check_destination(config).problem is None
    with sqlite3.connect(tmp_path / "warehouse__chat.sqlite") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_the_check_says_that_a_database_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'no folder' / 'warehouse.sqlite'}"
    monkeypatch.setenv("DESTINATION__SQLALCHEMY__CREDENTIALS", url)
    config = PipelineConfig("sqlalchemy", Path(), "chat", "test", str(tmp_path / "pipelines"))

    problem = check_destination(config).problem

    assert problem
    assert problem.startswith("sqlalchemy cannot be reached (OperationalError: ")


def test_a_second_run_of_a_bot_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PAUSE_SECONDS", 0.0)
    sqlite = warehouses.sqlite(tmp_path / "warehouse.sqlite")
    first, second = (sqlite.pipeline(tmp_path / name, "chat", name=name) for name in ("a", "b"))

    with (
        bot_locks(first, [1, 2]),
        pytest.raises(PipelineLockedError, match="pipeline a,"),
        bot_locks(second, [1]),
    ):
        pass
    with bot_locks(second, [1]):
        pass


@pytest.mark.parametrize(
    ("collation", "is_exact"),
    [
        ("utf8mb4_bin", True),
        ("utf8mb4_0900_as_cs", True),
        ("utf8mb4_0900_ai_ci", False),
        ("latin1_bin", False),
    ],
)
def test_a_collation_in_which_two_ids_are_equal_is_a_problem(
    collation: str, is_exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatislav_source.destinations.sqlalchemy import ADAPTER

    require_client("pymysql", "mysql")
    server: Any = dlt.destinations.sqlalchemy("mysql+pymysql://u:p@127.0.0.1:1/db")
    config: DestinationClientDwhConfiguration = server.spec()._bind_dataset_name("chat")
    client = server.client(Schema("chat"), config).sql_client
    monkeypatch.setattr(client, "execute_sql", lambda *_: [(collation,)])

    problem = ADAPTER.version_problem(client)

    assert (problem is None) is is_exact
    assert problem is None or collation in problem
