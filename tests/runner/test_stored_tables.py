"""What the tables hold is believed only of rows of complete loads that are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from chatislav_source.runner.load_package import load
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.sandbox import World
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.version_map import VersionMap
from tests.exactness.truth import DATASET, TODAY, Bench, bench, copied, days_ago

BOT_ID = 101
ALL = [DateWindow(days_ago(60), None)]
INCOMPLETE = "DELETE FROM _dlt_loads"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bot with 40 conversations over 8 days that were loaded."""
    world = World.generate((BOT_ID,), conversations=40, days=8, last_day=TODAY, messages=3)
    with bench(tmp_path_factory.mktemp("original"), world, start_date=days_ago(8)) as each:
        each.sync()
        yield each


@pytest.fixture
def made(original: Bench, tmp_path: Path) -> Iterator[Bench]:
    """A copy of the original, for one test."""
    with copied(original, tmp_path / "copy") as each:
        yield each


@pytest.fixture
def change(made: Bench) -> Callable[[str], None]:
    """Runs a statement in the dataset."""

    def run(statement: str) -> None:
        with duckdb.connect(str(made.database)) as connection:
            connection.execute(f"USE {DATASET}")
            connection.execute(statement)

    return run


def chosen(made: Bench) -> str:
    """The id of one conversation that has messages."""
    return next(str(c["sessionId"]) for c in made.world.conversations(BOT_ID) if c["messages"])


def versions(made: Bench, windows: list[DateWindow] | None = None) -> VersionMap:
    """What the tables hold, as a run of the pipeline reads it."""
    return StoredTables(made.pipeline()).versions(BOT_ID, windows or ALL)


def test_every_conversation_of_a_complete_load_has_its_version(made: Bench) -> None:
    ids = {str(each["sessionId"]) for each in made.world.conversations(BOT_ID)}

    assert len(versions(made)) == len(ids)
    assert all(session_id in versions(made) for session_id in ids)


def test_only_conversations_of_the_windows_are_read(made: Bench) -> None:
    few = versions(made, [DateWindow(days_ago(7), days_ago(6))])

    assert 0 < len(few) < 40
    assert not versions(made, [DateWindow(days_ago(60), days_ago(50))])


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM conversations WHERE session_id = '{0}'", id="row deleted"),
        pytest.param(
            "INSERT INTO conversations SELECT * FROM conversations WHERE session_id = '{0}'",
            id="row stored twice",
        ),
        pytest.param(
            "UPDATE conversations SET _dlt_load_id = 'x' WHERE session_id = '{0}'",
            id="row of a load that is not complete",
        ),
        pytest.param(
            "DELETE FROM conversations__messages WHERE session_id = '{0}' AND message_index = 0",
            id="message deleted",
        ),
        pytest.param(
            "INSERT INTO conversations__messages SELECT * FROM conversations__messages "
            "WHERE session_id = '{0}' AND message_index = 0",
            id="message stored twice",
        ),
        pytest.param(
            "UPDATE conversations__messages SET _dlt_load_id = 'x' WHERE session_id = '{0}' "
            "AND message_index = 0",
            id="message of a load that is not complete",
        ),
        pytest.param(
            "UPDATE conversations SET _version = NULL WHERE session_id = '{0}'", id="no version"
        ),
    ],
)
def test_a_conversation_that_is_not_whole_is_not_believed(
    made: Bench, change: Callable[[str], None], statement: str
) -> None:
    session_id = chosen(made)

    change(statement.format(session_id))

    assert session_id not in versions(made)
    assert len(versions(made)) == 39


def test_messages_that_were_never_known_are_not_counted(
    made: Bench, change: Callable[[str], None]
) -> None:
    session_id = chosen(made)

    change(f"UPDATE conversations SET message_count = NULL WHERE session_id = '{session_id}'")

    assert session_id in versions(made)


def test_nothing_is_believed_while_no_load_is_complete(
    made: Bench, change: Callable[[str], None]
) -> None:
    change(INCOMPLETE)

    stored = StoredTables(made.pipeline())
    assert not stored.versions(BOT_ID, ALL)
    assert stored.days(BOT_ID).versions == {}


def test_a_day_of_analytics_that_is_stored_twice_is_not_believed(
    made: Bench, change: Callable[[str], None]
) -> None:
    before = StoredTables(made.pipeline()).days(BOT_ID)
    change(f"INSERT INTO analytics SELECT * FROM analytics WHERE date = '{days_ago(3)}'")

    days = StoredTables(made.pipeline()).days(BOT_ID)

    missing = before.versions.keys() - days.versions.keys()
    assert missing == {("UTC|all", days_ago(3))}


def known(made: Bench, **settled: Any) -> dict[str, Any]:
    """A state whose settled days are all days but the last two, with other counts."""
    found = StoredTables(made.pipeline()).settled(BOT_ID, days_ago(1))
    assert found is not None
    return {"bot_id": BOT_ID, "loaded_from": str(days_ago(8)), "settled": {**found, **settled}}


@pytest.mark.parametrize(
    ("statement", "is_kept"),
    [
        pytest.param("SELECT 1", True, id="nothing"),
        pytest.param("DELETE FROM conversations WHERE session_id = '{0}'", False, id="row"),
        pytest.param(
            "DELETE FROM conversations__messages WHERE session_id = '{0}' AND message_index = 0",
            False,
            id="message",
        ),
        pytest.param("DROP TABLE conversations", False, id="table"),
        pytest.param("DROP TABLE conversations__messages", False, id="table of messages"),
        pytest.param("UPDATE conversations SET _dlt_load_id = '1'", False, id="older rows"),
        pytest.param(
            "DELETE FROM conversations__messages WHERE session_id = '{0}' AND message_index = 0;"
            "UPDATE conversations SET message_count = message_count - 1 WHERE session_id = '{0}'",
            True,
            id="loaded with fewer messages",
        ),
    ],
)
def test_lost_rows_of_settled_days_are_noticed(
    made: Bench, change: Callable[[str], None], statement: str, is_kept: bool
) -> None:
    state = known(made)
    oldest = min(
        (each for each in made.world.conversations(BOT_ID) if len(each["messages"]) > 1),
        key=lambda each: str(each["createdAt"]),
    )

    change(statement.format(oldest["sessionId"]))

    assert StoredTables(made.pipeline()).keeps(state) is is_kept


def test_without_a_pipeline_the_tables_are_empty() -> None:
    stored = StoredTables(None)

    assert not stored.versions(BOT_ID, ALL)
    assert stored.days(BOT_ID).first_day is None


def test_a_dropped_table_is_created_by_the_next_load(
    made: Bench, change: Callable[[str], None]
) -> None:
    change("DROP TABLE analytics")

    assert StoredTables(made.pipeline()).days(BOT_ID).versions == {}
    made.sync()

    assert made.analytics_differences(days_ago(7)) == []


def test_a_dataset_that_does_not_exist_is_empty(made: Bench) -> None:
    other = dlt.pipeline(
        "other",
        destination=dlt.destinations.duckdb(str(made.database)),
        dataset_name="elsewhere",
        pipelines_dir=str(made.folder / "pipelines"),
    )

    assert not StoredTables(other).versions(BOT_ID, ALL)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO conversations SELECT * FROM conversations",
        "INSERT INTO conversations__messages SELECT * FROM conversations__messages",
    ],
)
def test_what_another_pipeline_stored_twice_is_removed_and_loaded_once(
    made: Bench, change: Callable[[str], None], statement: str
) -> None:
    change(statement)
    made.name = "another"

    report = made.sync()

    assert [text for text in report.warnings if "40 conversations were stored twice" in text]
    assert made.differences() == []


def test_what_a_load_stored_twice_is_read_again_by_the_same_sync(
    made: Bench, change: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.runner.job.has_other_writers", lambda _: True)
    session_id = made.world.add_conversation(BOT_ID)

    def after_load(pipeline: Any, source: Any, dispositions: Any = None) -> list[str]:
        load_ids = load(pipeline, source, dispositions)
        monkeypatch.setattr("chatislav_source.runner.job.load", load)
        of_it = f"FROM conversations WHERE session_id = '{session_id}'"
        change(f"INSERT INTO conversations SELECT * {of_it}")
        return load_ids

    monkeypatch.setattr("chatislav_source.runner.job.load", after_load)

    report = made.sync()

    assert [text for text in report.warnings if "1 conversations were stored twice" in text]
    assert made.differences() == []


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that are opened."""
    connections: list[Any] = []
    sql_client = dlt.Pipeline.sql_client

    def counted(pipeline: dlt.Pipeline, *args: Any) -> Any:
        connections.append(sql_client(pipeline, *args))
        return connections[-1]

    monkeypatch.setattr(dlt.Pipeline, "sql_client", counted)
    return connections


def test_all_questions_of_a_start_use_one_connection(made: Bench, opened: list[Any]) -> None:
    stored = StoredTables(made.pipeline())

    with stored.connected():
        assert stored.versions(BOT_ID, ALL)
        assert stored.days(BOT_ID)
        assert stored.versions(BOT_ID, ALL)

    assert len(opened) == 1
    assert stored.versions(BOT_ID, ALL)


def test_a_table_that_does_not_exist_is_asked_once_for_all_bots(
    made: Bench, change: Callable[[str], None], opened: list[Any]
) -> None:
    change("DROP TABLE conversations")
    stored = StoredTables(made.pipeline())

    with stored.connected():
        assert not any(stored.versions(bot_id, ALL) for bot_id in range(100, 110))

    assert len(opened) == 2  # the second makes dlt create the table
