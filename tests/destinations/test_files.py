"""Files in a folder: what changed is appended, and the newest row of each key counts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow.parquet as pq
import pytest
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient

from chatislav_source import sync
from chatislav_source.cli.access.destination import check_destination
from chatislav_source.cli.status import looking, statuses
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

from . import warehouses
from .telling import KilledError

BOT_ID = 101


class Files:
    """A folder that one bot of a sandbox is synced into."""

    def __init__(self, api: Sandbox, folder: Path) -> None:
        self.world: World = api.world
        self.folder = folder
        self.warehouse = warehouses.filesystem(folder / "files")
        self._given: Any = {"bot_ids": [BOT_ID], "api_key": SANDBOX_KEY, "base_url": api.base_url}

    @property
    def dataset(self) -> Path:
        """The folder of the tables."""
        return self.folder / "files" / "chat"

    def pipeline(self) -> dlt.Pipeline:
        """A new process's pipeline."""
        return self.warehouse.pipeline(self.folder / "pipelines", "chat")

    def restored(self) -> dlt.Pipeline:
        """A pipeline that knows the schema that is stored."""
        pipeline = self.pipeline()
        pipeline.sync_destination()
        return pipeline

    def sync(self) -> int:
        """Sync; returns the number of rows that were written."""
        return sync(self.pipeline(), **self._given, start_date=days_ago(3)).total("rows")

    def sync_killed_in(self, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        """A sync that is killed where dlt's client would take this step."""

        def end(*_: Any) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(FilesystemClient, step, end)
            with pytest.raises(KilledError):
                self.sync()

    def stored(self, table: str) -> list[dict[str, Any]]:
        """All rows in the files of a table, also those that count no more."""
        paths = sorted((self.dataset / table).glob("*.parquet"))
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    def assert_exact(self) -> None:
        """Assert that the rows in force are the conversations and messages as they are now."""
        items = self.world.conversations(BOT_ID)
        pipeline = self.restored()
        found = self.warehouse.rows(pipeline, "conversations")
        assert sorted((row["session_id"], row["feedback_comment"]) for row in found) == sorted(
            (item["sessionId"], item["feedbackComment"]) for item in items
        )
        messages = self.warehouse.rows(pipeline, "conversations__messages")
        assert sorted((row["session_id"], row["content"]) for row in messages) == sorted(
            (item["sessionId"], sent["content"]) for item in items for sent in item["messages"]
        )


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Six conversations that were synced."""
    world = World.generate((BOT_ID,), conversations=6, days=2, last_day=TODAY, messages=2)
    with Sandbox(world) as api:
        made = Files(api, tmp_path)
        made.sync()
        yield made


def some_id(files: Files, place: int = 0) -> str:
    """The id of a conversation."""
    return str(files.world.conversations(BOT_ID)[place]["sessionId"])


def test_only_what_changed_is_appended(files: Files) -> None:
    before = {table: files.stored(table) for table in ("conversations", "conversations__messages")}
    assert files.sync() == 0
    assert before == {table: files.stored(table) for table in before}

    files.world.change(BOT_ID, some_id(files), touch=True, feedbackComment="new")
    files.sync()
    files.sync()

    assert len(files.stored("conversations")) == 6 + 1
    assert len(files.stored("conversations__messages")) == 12 + 2
    files.assert_exact()


def test_an_emptied_conversation_has_no_messages_and_no_rows_that_mark_it(files: Files) -> None:
    files.world.change(BOT_ID, some_id(files), touch=True, messages=[])
    files.sync()

    files.assert_exact()
    stored = files.stored("conversations__messages")
    assert len(stored) == 12
    assert {row["_deleted"] for row in stored} == {None}


@pytest.mark.parametrize("is_folder_lost", mostly_slow([False, True], True))
def test_a_kill_between_the_state_and_its_load_loses_no_row(
    files: Files, monkeypatch: pytest.MonkeyPatch, is_folder_lost: bool
) -> None:
    files.world.change(BOT_ID, some_id(files), touch=True, feedbackComment="new")

    files.sync_killed_in(monkeypatch, "_store_load")
    if is_folder_lost:
        shutil.rmtree(files.folder / "pipelines")
    files.sync()

    files.assert_exact()
    assert len(files.stored("conversations")) == 6 + 1


@pytest.mark.slow
def test_rows_of_a_load_that_was_killed_before_its_state_do_not_count(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.world.change(BOT_ID, some_id(files), touch=True, feedbackComment="first")

    files.sync_killed_in(monkeypatch, "complete_load")
    files.world.change(BOT_ID, some_id(files), touch=True, feedbackComment="second")
    files.sync()

    files.assert_exact()


@pytest.mark.parametrize(
    "table",
    mostly_slow(["conversations", "conversations__messages", "analytics"], "conversations"),
)
def test_a_table_whose_folder_was_deleted_is_filled_again(files: Files, table: str) -> None:
    before = len(files.stored(table))
    shutil.rmtree(files.dataset / table)

    files.sync()

    assert len(files.stored(table)) == before
    files.assert_exact()


def test_the_check_passes_and_status_counts_the_newest_rows(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.world.change(BOT_ID, some_id(files), touch=True, feedbackComment="new")
    files.sync()
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(files.folder / "files"))
    config = PipelineConfig("filesystem", Path(), "chat", "test", str(files.folder / "other"))

    assert check_destination(config).problem is None
    with looking(config) as pipeline:
        (status,) = statuses(pipeline, files.world.now())

    assert (status.conversations, status.messages) == (6, 12)
    assert not list(files.dataset.glob("chatislav_check*"))


def test_the_check_says_that_a_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "file"))

    problem = check_destination(PipelineConfig("filesystem", Path(), "chat", "test", None)).problem

    assert problem
    assert "a file could not be created, read and deleted in the folder of chat" in problem


def test_the_views_of_the_documentation_show_the_rows_in_force(files: Files) -> None:
    files.world.change(BOT_ID, some_id(files), touch=True, feedbackComment="new")
    files.world.change(BOT_ID, some_id(files, 1), touch=True, messages=[])
    files.sync()
    page = (Path(__file__).parents[2] / "docs/lakes.md").read_text("utf-8")
    _, _, views = page.partition("## Files")[2].partition("```sql\n")

    with duckdb.connect() as connection:
        connection.execute(
            views.partition("```")[0].replace("/data/files/chatislav", str(files.dataset))
        )
        for table in ("conversations", "conversations__messages", "analytics"):
            (shown,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or ()
            assert shown == len(files.warehouse.rows(files.restored(), table))
        newest = connection.execute(
            "SELECT feedback_comment FROM conversations WHERE session_id = ?", [some_id(files)]
        )
        assert newest.fetchall() == [("new",)]
