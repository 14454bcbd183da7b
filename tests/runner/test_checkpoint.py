"""A stored state is used only for the destination it describes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from chatislav_source.runner import checkpoint
from chatislav_source.runner.checkpoint import (
    keep_to_destination,
    remember,
    stored_states,
)
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.source import sync
from tests.conftest import TODAY


@pytest.fixture
def into(tmp_path: Path) -> Callable[[str], dlt.Pipeline]:
    """The same pipeline into one of several DuckDB files."""

    def pipeline(name: str) -> dlt.Pipeline:
        return dlt.pipeline(
            "chatislav_sync",
            destination=dlt.destinations.duckdb(str(tmp_path / f"{name}.duckdb")),
            dataset_name="chatislav",
            pipelines_dir=str(tmp_path / "pipelines"),
        )

    return pipeline


@pytest.mark.slow
def test_rows_that_only_another_file_has_are_loaded_into_this_one(
    api: Sandbox, world: World, into: Callable[[str], dlt.Pipeline], tmp_path: Path
) -> None:
    def load(name: str, start_date: date) -> None:
        given: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
        sync(into(name), bot_ids=[101], start_date=start_date, **given)

    load("one", TODAY - timedelta(days=10))
    for _ in range(4):  # of two states, dlt takes the one with the higher version
        world.add_message(101, world.add_conversation(101), content="new")
        load("two", TODAY - timedelta(days=90))

    load("one", TODAY - timedelta(days=90))

    with duckdb.connect(str(tmp_path / "one.duckdb")) as connection:
        row = connection.execute("SELECT count(*) FROM chatislav.conversations").fetchone()
    assert row == (len(world.conversations(101)),)


def test_the_same_destination_keeps_its_files(
    api: Sandbox, into: Callable[[str], dlt.Pipeline]
) -> None:
    sync(into("one"), bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url)
    kept = Path(into("one").working_dir, "kept.txt")
    kept.write_text("mine")

    keep_to_destination(into("one"))
    assert kept.exists()

    keep_to_destination(into("two"))
    assert not kept.exists()


def test_states_are_stored_by_bot_and_those_of_other_bots_stay() -> None:
    resource_state: dict[str, Any] = {"bots": {"1": {"a": 1}, "2": {"a": 2}}, "other": {}}

    remember(resource_state, {2: {"a": 3}, 4: {"a": 4}})

    assert stored_states(resource_state, [1, 2, 3, 4]) == {
        1: {"a": 1},
        2: {"a": 3},
        3: None,
        4: {"a": 4},
    }
    assert resource_state["other"] == {}


@pytest.mark.parametrize("bots", [None, [], "text", 7])
def test_a_damaged_resource_state_has_no_states(bots: Any) -> None:
    resource_state = {"bots": bots}

    assert stored_states(resource_state, [1]) == {1: None}
    remember(resource_state, {1: {"a": 1}})
    assert stored_states(resource_state, [1]) == {1: {"a": 1}}


def test_every_key_of_a_resource_state_is_documented(
    api: Sandbox, into: Callable[[str], dlt.Pipeline]
) -> None:
    pipeline = into("one")
    sync(pipeline, bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url)

    resources = pipeline.state["sources"]["chatislav"]["resources"]

    described = [line.split()[0] for line in str(checkpoint.__doc__).splitlines() if line.strip()]
    assert set(resources) == {"conversations", "analytics"}
    for resource_state in resources.values():
        assert set(resource_state) == {"bots"}
        assert set(resource_state) <= set(described)
