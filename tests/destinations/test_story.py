"""The story in every warehouse: each has the same rows, which are the expected ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from dlt.destinations.fs_client import FSClientBase

from chatislav_source.destinations.pipe.writers import ROW_FILES
from chatislav_source.records.schema import TABLES, Table

from . import story
from .telling import CHAPTERS, Told


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_rows_are_the_truth_in_every_column(told: Told, table: Table, chapter: str) -> None:
    found = told.found[chapter][table.name]

    of_run = {"synced_at", "_version"}
    rows = [{name: row[name] for name in row if name not in of_run} for row in found]
    without_digest = [
        row | {"session_id": story.CLEANED_ID}
        if str(row.get("session_id")).startswith(story.CLEANED_ID)
        else row
        for row in rows
    ]
    assert story.by_key(table, without_digest) == told.truth[chapter][table.name]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_has_its_type_and_there_are_no_others(told: Told, table: Table) -> None:
    found = told.columns(table)

    kinds = {name.lower(): column["data_type"] for name, column in found.items()}
    types = dict(told.warehouse.other_types)
    assert kinds == {c.name: types.get(c.data_type, c.data_type) for c in table.columns}


def test_json_can_be_taken_apart_by_the_warehouse_itself(told: Told) -> None:
    def texts(column: str, path: str, session_id: str) -> list[str | None]:
        where = f"session_id = '{session_id}'"
        return told.warehouse.json_text(told.pipeline, "conversations", column, path, where)

    assert texts("summary", "sentiment", "untouched") == ["positive"]
    assert texts("summary", "absent", "untouched") == [None]
    assert texts("extra", "newField.a", "nulls") == [None]
    assert texts("extra", "helpful", "misfits") == ["very"]


CHANGED = ("23", "emptied", "late", "nulls", "flagged later")


def test_rows_that_did_not_change_are_not_written_again(told: Told) -> None:
    def written_at(chapter: str) -> dict[tuple[int, str], datetime]:
        rows = told.found[chapter]["conversations"]
        return {(row["bot_id"], row["session_id"]): row["synced_at"] for row in rows}

    before, after = written_at("first load"), written_at("changes")
    changed = {(1, session_id) for session_id in CHANGED}
    assert {key for key in before if after[key] != before[key]} == changed
    assert all(told.began_at < moment < datetime.now(UTC) for moment in after.values())


def test_keys_that_are_equal_when_concatenated_stay_separate(told: Told) -> None:
    messages = told.found["changes"]["conversations__messages"]

    assert {row["content"] for row in messages if row["session_id"] == "3"} == {"b0", "b1"}


def test_each_pipeline_has_a_staging_dataset_of_its_own(told: Told) -> None:
    with told.pipeline.destination_client() as client:
        sql_client = client.sql_client  # type: ignore[attr-defined]
        dataset = sql_client.dataset_name
        if isinstance(client, FSClientBase):  # without staging
            assert client.fs_client.ls(Path(client.dataset_path).parent, detail=False) == [
                client.dataset_path.rstrip("/")
            ]
            return
        assert sql_client.staging_dataset_name == f"{dataset}_staging_{told.pipeline.pipeline_name}"
        with sql_client.with_alternative_dataset_name(f"{dataset}_staging"):
            assert told.warehouse.name == "snowflake" or not sql_client.has_dataset()


def test_no_file_is_left_behind(told: Told) -> None:
    files = Path(told.pipeline.working_dir, ROW_FILES)

    assert list(files.rglob("*.gz")) == []
