"""A person is erased in every warehouse, and no later run loads them again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatislav_source import ConfigurationError, PipelineLockedError, chatislav, sync
from chatislav_source.destinations.concurrency import bot_locks
from chatislav_source.privacy.erasure import Identity
from chatislav_source.privacy.hashing import keys_of
from chatislav_source.runner.erasure import forget as module
from chatislav_source.runner.erasure.forget import forget, matching
from chatislav_source.runner.erasure.snapshots import effects_of
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from . import warehouses
from .conftest import WAREHOUSES
from .warehouses import Warehouse

KEY = "a key of the tests, with 32 bytes or more"
KEYS = keys_of(KEY, None)
assert KEYS is not None
PHONE = Identity("phone", "060/123-4567")
EMAIL = Identity("email", " Ana@Example.com")
PHONE_IN_TABLE, EMAIL_IN_FORM = "+381 60 1234567", "ana@example.com"
TABLES = ("conversations", "conversations__messages")


def a_world(bots: tuple[int, ...] = (101, 102)) -> tuple[World, dict[str, tuple[int, str]]]:
    """A world in which Ana wrote with her number to two bots, and left her mail in a form."""
    world = World.generate(bots, conversations=6, days=4, last_day=TODAY, messages=2)
    ids = {
        bot_id: [str(row["sessionId"]) for row in world.conversations(bot_id)] for bot_id in bots
    }
    hers = {"phone": (101, ids[101][0]), "other bot": (bots[-1], ids[bots[-1]][1])}
    for bot_id, session_id in hers.values():
        contact = {"ipAddress": None, "phoneNumber": PHONE_IN_TABLE}
        world.change(bot_id, session_id, contact=contact)
    hers["form"] = (101, ids[101][2])
    form = [{"field": "E-mail", "value": EMAIL_IN_FORM}, {"field": "Age", "value": 44}]
    world.change(101, ids[101][2], userForm=form)
    # whatever today's date is, a conversation of nobody's is too old for a retention of a day
    moment = datetime.now(UTC) - timedelta(days=3)
    world.change(101, ids[101][1], createdAt=moment, lastActivity=moment)
    return world, hers


def given_for(api: Sandbox, bots: tuple[int, ...] = (101, 102)) -> dict[str, Any]:
    given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
    return given | {"bot_ids": list(bots), "start_date": days_ago(4), "privacy": {"key": KEY}}


def sessions(warehouse: Warehouse, pipeline: Any, table: str) -> set[tuple[int, str]]:
    name = warehouse.qualified(pipeline, table)
    rows = warehouse.execute(pipeline, f"SELECT bot_id, session_id FROM {name}")
    return {(int(row["bot_id"]), row["session_id"]) for row in rows}


def forgotten(warehouse: Warehouse, pipeline: Any) -> list[dict[str, Any]]:
    name = warehouse.qualified(pipeline, "forgotten")
    return warehouse.execute(pipeline, f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    "warehouse",
    mostly_slow([*WAREHOUSES, "sqlite", "ducklake"], "duckdb"),
    indirect=True,
)
def test_an_erased_person_is_in_no_table_and_no_later_run_loads_them_nor_what_is_too_old(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    world, hers = a_world()
    dataset = warehouse.new_dataset()
    with Sandbox(world) as api:
        given = given_for(api)
        pseudonymous = {"key": KEY, "profile": "pseudonymous"}
        sync(warehouse.pipeline(tmp_path / "here", dataset), **(given | {"bot_ids": [101]}))
        other = given | {"bot_ids": [102], "privacy": pseudonymous}
        sync(warehouse.pipeline(tmp_path / "here", dataset), **other)
        assert_pseudonymous(warehouse, warehouse.pipeline(tmp_path / "here", dataset), world)

        match = forget(warehouse.pipeline(tmp_path / "here", dataset), KEYS, [PHONE, EMAIL])

        own = {name: count for name, count in match.counts.items() if name != "staging"}
        assert own == {"conversations": 3, "conversations__messages": 6}
        pipeline = warehouse.pipeline(tmp_path / "there", dataset)
        erased = set(hers.values())
        for table in TABLES:
            assert len(sessions(warehouse, pipeline, table)) == 9
            assert not sessions(warehouse, pipeline, table) & erased
        assert matching(pipeline, KEYS, [PHONE, EMAIL]).rows == []
        if warehouse.name == "ducklake":
            assert data_files(tmp_path / "lake", "")
            for value in (PHONE_IN_TABLE, EMAIL_IN_FORM, *(each for _, each in erased)):
                assert data_files(tmp_path / "lake", value) == []
            assert "ends time travel for every schema" in effects_of(pipeline)[0]
        record = forgotten(warehouse, pipeline)
        assert sorted((r["kind"], int(r["bot_id"]), int(r["conversations"])) for r in record) == [
            *(("email", 0, 1), ("phone", 0, 2)),
            *(("session_id", bot_id, 1) for bot_id, _ in sorted(erased)),
        ]
        values = ("1234567", "example.com", *(session_id for _, session_id in erased))
        assert not [text for text in values if text in str(record)]
        for bot_id, session_id in erased:
            world.add_message(bot_id, session_id, "Ana writes again")
        new = world.add_conversation(
            101, contact={"ipAddress": None, "phoneNumber": "+381601234567"}
        )

        reports = [
            sync(warehouse.pipeline(tmp_path / "here", dataset), **(given | {"bot_ids": [101]})),
            sync(warehouse.pipeline(tmp_path / "there", dataset), **other),
            sync(
                warehouse.pipeline(tmp_path / "there", dataset),
                **(given | {"bot_ids": [101], "end_date": days_ago(0)}),
            ),
        ]

        assert [(report.complete, report.total("rows") > 5) for report in reports] == [
            (True, False)
        ] * 3
        for table in TABLES:
            assert len(sessions(warehouse, pipeline, table)) == 9
            assert not sessions(warehouse, pipeline, table) & {*erased, (101, new)}
        assert len(forgotten(warehouse, pipeline)) == len(record) + 1

        keeping = given | {"bot_ids": [101], "retention_days": 1}
        kept = sync(warehouse.pipeline(tmp_path / "here", dataset), **keeping)

        left = recent(world, 101) - {*erased, (101, new)} | recent(world, 102, days=9) - erased
        for table in TABLES:
            assert sessions(warehouse, pipeline, table) == left
        assert (kept.complete, kept.total("rows") < 5) == (True, True)
        assert any("were deleted" in note for note in kept.notes)


def assert_pseudonymous(warehouse: Warehouse, pipeline: Any, world: World) -> None:
    """The rows of the second bot have hashes for phone numbers and IP addresses, and no form."""
    columns = "contact__phone_number AS phone, contact__ip_address AS ip, user_form, extra"
    name = warehouse.qualified(pipeline, "conversations")
    rows = warehouse.execute(pipeline, f"SELECT {columns} FROM {name} WHERE bot_id = 102")
    hashed = [value for row in rows for value in (row["phone"], row["ip"]) if value is not None]
    given = [v for row in world.conversations(102) for v in row["contact"].values() if v]
    assert len(hashed) == len(given) > 0
    assert all(re.fullmatch(r"h[0-9a-f]+_[0-9a-f]{24}", value) for value in hashed)
    assert {(row["user_form"], row["extra"]) for row in rows} == {(None, None)}


def data_files(lake: Path, text: str) -> list[Path]:
    """The data files of a DuckLake of which a row has the text."""
    return [
        path for path in lake.rglob("*.parquet") if text in str(pq.read_table(path).to_pylist())
    ]


def recent(world: World, bot_id: int, days: int = 1) -> set[tuple[int, str]]:
    """The conversations that were active since that day."""
    rows = world.conversations(bot_id)
    return {
        (bot_id, str(row["sessionId"]))
        for row in rows
        if str(row["lastActivity"].date()) >= days_ago(days)
    }


@pytest.mark.parametrize("refresh", mostly_slow([None, "drop_sources"], "drop_sources"))
@pytest.mark.slow
def test_a_plain_run_of_dlt_leaves_erased_persons_out(tmp_path: Path, refresh: Any) -> None:
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world, hers = a_world((101,))
    with Sandbox(world) as api:
        given = given_for(api, (101,))
        warehouse.pipeline(tmp_path, "chatislav").run(chatislav(**given))
        forget(warehouse.pipeline(tmp_path, "chatislav"), KEYS, [PHONE])

        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        pipeline.run(chatislav(**given), refresh=refresh)

        left = sessions(warehouse, pipeline, "conversations")
        assert left == {(101, str(r["sessionId"])) for r in world.conversations(101)} - {
            hers["phone"],
            hers["other bot"],
        }


@pytest.mark.slow
def test_a_package_from_before_an_erasure_is_not_loaded_after_it(tmp_path: Path) -> None:
    """On another machine, where a plain run was killed before its load."""
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world, hers = a_world((101,))
    with Sandbox(world) as api:
        given = given_for(api, (101,))
        warehouse.pipeline(tmp_path / "here", "chatislav").run(chatislav(**given))
        killed = warehouse.pipeline(tmp_path / "there", "chatislav")
        killed.sync_destination()
        world.add_message(*hers["phone"], "Ana writes again")
        killed.extract(chatislav(**given))
        killed.normalize()
        forget(warehouse.pipeline(tmp_path / "here", "chatislav"), KEYS, [PHONE])

        pipeline = warehouse.pipeline(tmp_path / "there", "chatislav")
        assert pipeline.has_pending_data
        pipeline.run(chatislav(**given))

        assert len(sessions(warehouse, pipeline, "conversations")) == 4
        for table in TABLES:
            assert hers["phone"] not in sessions(warehouse, pipeline, table)


@pytest.mark.parametrize("statements", mostly_slow([0, 1, 2], 1))
@pytest.mark.slow
def test_a_killed_erasure_lets_nobody_back_and_is_ended_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    """A kill after so many DELETE statements, as in a warehouse without transactions."""
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world, hers = a_world((101,))
    with Sandbox(world) as api:
        given = given_for(api, (101,))
        sync(warehouse.pipeline(tmp_path, "chatislav"), **given)
        delete, left = module.delete_rows, list(range(statements))

        def killed(*arguments: Any) -> None:
            if not left:
                arguments[0].commit_transaction()
                raise KeyboardInterrupt
            left.pop()
            delete(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(module, "delete_rows", killed)
            with pytest.raises(KeyboardInterrupt):
                forget(warehouse.pipeline(tmp_path, "chatislav"), KEYS, [PHONE])
        world.add_message(*hers["phone"], "Ana writes again")
        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        sync(pipeline, **given)
        assert not [
            row
            for row in warehouse.rows(pipeline, "conversations__messages")
            if "again" in str(row)
        ]

        forget(warehouse.pipeline(tmp_path, "chatislav"), KEYS, [PHONE])

        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        for table in TABLES:
            assert not sessions(warehouse, pipeline, table) & {hers["phone"], hers["other bot"]}
        of_person = [row for row in forgotten(warehouse, pipeline) if row["kind"] == "phone"]
        assert [(row["conversations"], row["messages"]) for row in of_person] == [(2, 4)]


@pytest.mark.slow
def test_an_erasure_does_not_make_the_next_sync_read_old_days_again(tmp_path: Path) -> None:
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world = World.generate((101,), conversations=20, days=60, last_day=TODAY, messages=2)
    oldest = min(world.conversations(101), key=lambda row: str(row["createdAt"]))
    with Sandbox(world) as api:
        given = given_for(api, (101,)) | {
            "start_date": days_ago(60),
            "resources": ["conversations"],
        }
        sync(warehouse.pipeline(tmp_path, "chatislav"), **given)
        sync(warehouse.pipeline(tmp_path, "chatislav"), **given)
        identity = Identity("session_id", str(oldest["sessionId"]))

        match = forget(warehouse.pipeline(tmp_path, "chatislav"), KEYS, [identity])
        report = sync(warehouse.pipeline(tmp_path, "chatislav"), **given)

        assert match.counts["conversations"] == 1
        assert report.resources[0].first_day > days_ago(40)
        assert (report.total("rows"), report.warnings) == (0, [])


@pytest.mark.slow
def test_a_rejected_record_of_an_erased_person_is_deleted_and_left_out(tmp_path: Path) -> None:
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world, hers = a_world((101,))
    with Sandbox(world) as api:
        bad = {hers["phone"][1]: "no_id", hers["other bot"][1]: "no_utf8"}
        api.configure(bad_records=bad)
        given = given_for(api, (101,)) | {"resources": ["conversations"]}
        pipeline = warehouse.pipeline(tmp_path, "chatislav")
        sync(pipeline, **given)
        assert len(warehouse.rows(pipeline, "rejected")) == 2

        match = forget(warehouse.pipeline(tmp_path, "chatislav"), KEYS, [PHONE])
        report = sync(warehouse.pipeline(tmp_path, "chatislav"), **given)

        assert match.counts["rejected"] == 2
        assert (report.total("rejected"), warehouse.rows(pipeline, "rejected")) == (0, [])
        counted = [(row["kind"], row["rejected"]) for row in forgotten(warehouse, pipeline)]
        assert sorted(counted) == [("phone", 2), ("session_id", 1)]  # one record has no session id


@pytest.mark.slow
def test_without_the_key_a_run_loads_nothing_where_somebody_was_erased(tmp_path: Path) -> None:
    warehouse = warehouses.duckdb(tmp_path / "warehouse.duckdb")
    world, hers = a_world((101,))
    with Sandbox(world) as api:
        given = given_for(api, (101,))
        sync(warehouse.pipeline(tmp_path, "chatislav"), **given)
        forget(warehouse.pipeline(tmp_path, "chatislav"), KEYS, [PHONE])
        world.add_message(*hers["form"], "Hello")

        for privacy in (None, {"key": "another key of the tests, of 32 bytes"}):
            with pytest.raises(ConfigurationError, match="hashes of the privacy key"):
                sync(warehouse.pipeline(tmp_path, "chatislav"), **(given | {"privacy": privacy}))
        new_key = {"key": "another key of the tests, of 32 bytes", "previous_key": KEY}
        report = sync(warehouse.pipeline(tmp_path, "chatislav"), **(given | {"privacy": new_key}))

        assert report.complete
        assert len(sessions(warehouse, warehouse.pipeline(tmp_path, "chatislav"), TABLES[0])) == 4


def test_nobody_is_erased_while_a_bot_is_being_loaded(postgres_url: str, tmp_path: Path) -> None:
    warehouse = warehouses.postgres(postgres_url)
    dataset = warehouse.new_dataset()
    world, _ = a_world((101,))
    with Sandbox(world) as api:
        sync(warehouse.pipeline(tmp_path / "here", dataset), **given_for(api, (101,)))

    with (
        bot_locks.bot_locks(warehouse.pipeline(tmp_path / "here", dataset), [101]),
        pytest.raises(PipelineLockedError, match="Bot 101 is being loaded"),
    ):
        forget(warehouse.pipeline(tmp_path / "there", dataset), KEYS, [PHONE])


def test_nobody_can_be_erased_from_files(tmp_path: Path) -> None:
    warehouse = warehouses.filesystem(tmp_path / "files")

    with pytest.raises(ConfigurationError, match="cannot be deleted one by one"):
        forget(warehouse.pipeline(tmp_path / "here", "files"), KEYS, [PHONE])
