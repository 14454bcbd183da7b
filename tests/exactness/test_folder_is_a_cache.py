"""Whatever happens to folder, warehouse or clock between two runs, the next sync ends exact."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from chatislav_source import ChatislavError
from chatislav_source.sandbox import Sandbox, World
from tests.default_suite import mostly_slow
from tests.exactness import cache_faults as faults
from tests.exactness.cache_faults import DAMAGES, DLT_TABLES, FILES, TABLES, CachedBench
from tests.exactness.stories import CrashError, crashing
from tests.exactness.truth import TODAY, days_ago

DAYS = 9

Fault = Callable[[CachedBench], object]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CachedBench]:
    """A warehouse after some syncs, its folder, and backups of both ages."""
    world = World.generate((101,), conversations=40, days=DAYS, last_day=TODAY, messages=3, seed=3)
    with Sandbox(world) as api:
        made = CachedBench(api, tmp_path_factory.mktemp("original"), [101], days_ago(DAYS))
        with crashing("load", False, 2), suppress(CrashError):
            made.sync()
        faults.back_up(made, "interrupted")
        made.sync()
        faults.back_up(made, "first")
        world.add_conversation(101)
        made.sync()
        yield made


@pytest.fixture
def made(original: CachedBench, tmp_path: Path) -> CachedBench:
    """A copy of the warehouse, its folder and backups."""
    folder = tmp_path / "copy"
    shutil.copytree(original.folder, folder)
    return CachedBench(original.api, folder, [101], original.start_date)


def assert_next_sync_is_exact(made: CachedBench) -> None:
    report = made.sync()

    assert report.complete
    assert made.differences() == []
    assert made.analytics_differences(days_ago(7)) == []


EVERY_FILE = [(file, how) for file in ("state", "schema") for how in DAMAGES]
EVERY_FILE += [(file, how) for file in FILES for how in ("is empty", "is of another version")]


FAST_DAMAGES = [("state", "is empty"), ("schema", "is cut")]


@pytest.mark.parametrize(("file", "how"), mostly_slow(sorted(set(EVERY_FILE)), *FAST_DAMAGES))
def test_a_damaged_file_of_the_folder_is_replaced(made: CachedBench, file: str, how: str) -> None:
    faults.damage(made, file, how)

    assert_next_sync_is_exact(made)


@pytest.mark.parametrize("how", mostly_slow(["is empty", "is cut", "is deleted"], "is cut"))
@pytest.mark.parametrize("step", ["normalize", "load"])
def test_a_load_whose_files_were_damaged_after_a_crash_loses_nothing(
    made: CachedBench, step: str, how: str
) -> None:
    made.world.add_conversation(101)
    with crashing(step, False, 1), suppress(CrashError):
        made.sync()
    for under in ("normalize", "load"):
        faults.damage_every_file(made, under, how)

    assert_next_sync_is_exact(made)


def test_a_lost_folder_is_restored(made: CachedBench) -> None:
    shutil.rmtree(made.folder / "pipelines")

    assert_next_sync_is_exact(made)


@pytest.mark.parametrize("backup", mostly_slow(["interrupted", "first", "of nothing"], "first"))
def test_a_warehouse_restored_from_a_backup_is_filled_again(made: CachedBench, backup: str) -> None:
    faults.restore(made, backup)

    assert_next_sync_is_exact(made)


@pytest.mark.parametrize("table", mostly_slow([*TABLES, *DLT_TABLES], "conversations__messages"))
def test_a_table_that_was_dropped_is_created_and_filled_again(
    made: CachedBench, table: str
) -> None:
    faults.drop_table(made, table)

    assert_next_sync_is_exact(made)


@pytest.mark.parametrize("table", mostly_slow(DLT_TABLES, "_dlt_loads"))
def test_a_table_of_dlt_that_was_emptied_costs_no_rows(made: CachedBench, table: str) -> None:
    faults.empty_table(made, table)

    assert_next_sync_is_exact(made)


@pytest.mark.parametrize("inside", [True, False], ids=["inside the lookback", "before it"])
@pytest.mark.parametrize("table", mostly_slow(TABLES, "conversations__messages"))
def test_rows_that_were_deleted_are_loaded_again(
    made: CachedBench, table: str, inside: bool
) -> None:
    faults.delete_rows(made, table, inside)
    assert [*made.differences(), *made.analytics_differences(days_ago(7))]

    assert_next_sync_is_exact(made)


@pytest.mark.slow
def test_deleted_rows_are_found_although_as_many_were_added_before_the_lookback(
    original: CachedBench, tmp_path: Path
) -> None:
    made = CachedBench(original.api, tmp_path, [101], days_ago(DAYS))
    made.sync(start_date=days_ago(4))
    made.sync()
    faults.delete_rows(made, "conversations", inside=False)

    assert_next_sync_is_exact(made)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.slow
def test_a_load_that_lost_its_files_is_not_loaded_without_them(
    original: CachedBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.load_limit.PACKAGE_BYTES", 6_000)
    made = CachedBench(original.api, tmp_path, [101], days_ago(DAYS))
    with crashing("normalize", False, 2), suppress(CrashError):
        made.sync()
    # as after a kill between the end of the package and the writing of its state
    (before,) = (made.local / "normalize").rglob(".restore/state.json")
    shutil.copy(before, made.local / "state.json")
    rows = [*(made.local / "normalize").rglob("conversations*.parquet")]
    for path in rows:
        path.unlink()

    assert rows
    assert_next_sync_is_exact(made)


@pytest.mark.slow
def test_messages_that_the_api_removed_from_an_old_conversation_are_not_rows_that_were_lost(
    made: CachedBench, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = made.world.conversations(101)[0]["sessionId"]
    made.world.add_message(101, session_id, content="moves it into the lookback")
    made.sync()
    made.world.change(101, session_id, messages=[])
    made.sync()

    assert_next_sync_is_exact(made)
    assert "not in the tables any more" not in caplog.text


@pytest.mark.slow
def test_two_warehouses_under_one_name_are_both_exact(made: CachedBench) -> None:
    other = made.folder / "other.duckdb"
    for _ in range(3):
        faults.swap(made.database, other)
        made.world.add_conversation(101)
        assert_next_sync_is_exact(made)


@pytest.mark.slow
def test_two_machines_that_take_turns_are_exact(made: CachedBench) -> None:
    other = made.folder / "other_machine"
    shutil.copytree(made.folder / "pipelines", other)
    for _ in range(3):
        faults.swap(made.folder / "pipelines", other)
        made.world.add_conversation(101)
        assert_next_sync_is_exact(made)


@pytest.mark.parametrize("days", mostly_slow([0.1, 4], 4))
def test_a_clock_that_is_set_back_loses_nothing(made: CachedBench, days: float) -> None:
    with faults.clock_set_back(timedelta(days=days)):
        made.world.add_conversation(101)
        assert made.sync().complete
        assert made.differences() == []
        made.world.add_conversation(101)
        assert made.sync().complete
        assert made.differences() == []
    made.world.add_conversation(101)

    assert_next_sync_is_exact(made)


@pytest.mark.slow
def test_a_clock_that_was_fast_and_is_set_right_loses_nothing(made: CachedBench) -> None:
    with faults.clock_set_back(timedelta(hours=-1)):
        made.sync()
    made.world.add_conversation(101)

    made.sync()

    assert made.differences() == []


@pytest.mark.slow
def test_a_fault_while_a_sync_is_interrupted_loses_nothing(made: CachedBench) -> None:
    shutil.rmtree(made.folder / "pipelines")
    faults.restore(made, "first")
    with crashing("load", True, 1), suppress(CrashError, ChatislavError):
        made.sync()
    faults.delete_rows(made, "conversations", inside=True)
    faults.delete_rows(made, "conversations__messages", inside=False)

    assert_next_sync_is_exact(made)
