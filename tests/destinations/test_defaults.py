"""The staging dataset of each pipeline: its name, and the priority of the user's choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dlt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source import chatislav, sync
from chatislav_source.destinations.defaults import layout
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.conftest import days_ago
from tests.default_suite import mostly_slow

NAMES = st.text("aZ09-_ ž", min_size=1, max_size=40)


def datasets(pipeline: dlt.Pipeline) -> set[str]:
    """The schemas of the DuckDB file that are not DuckDB's own."""
    sql = "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'chat%'"
    with pipeline.sql_client() as client:
        return {row[0] for row in client.execute_sql(sql) or []}


def arguments(api: Sandbox) -> Any:
    """A small load of one bot."""
    key = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
    return {"bot_ids": [101], "start_date": days_ago(1)} | key


def test_a_simple_name_is_taken_as_it_is() -> None:
    assert layout("chatislav_sync") == "%s_staging_chatislav_sync"


@given(NAMES, NAMES)
def test_no_two_pipelines_share_one(one: str, other: str) -> None:
    assert (layout(one) == layout(other)) == (one == other)


@given(NAMES)
def test_the_name_is_valid_for_dlt_unchanged(name: str) -> None:
    identifier = layout(name) % "chat"

    assert dlt.Schema("x").naming.normalize_table_identifier(identifier) == identifier
    assert len(identifier) <= 63


@pytest.mark.parametrize("load", ["plain", "sync"])
def test_every_way_to_load_has_its_own(
    load: str, api: Sandbox, new_pipeline: Callable[..., dlt.Pipeline]
) -> None:
    pipeline = new_pipeline("bot_1")

    if load == "plain":
        pipeline.run(chatislav(**arguments(api)))
    else:
        sync(pipeline, **arguments(api))

    assert datasets(pipeline) == {"chatislav", "chatislav_staging_bot_1"}


def test_a_load_left_pending_is_staged_there_too(
    api: Sandbox, new_pipeline: Callable[..., dlt.Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_pipeline("bot_1").run(chatislav(**arguments(api)))
    pipeline = new_pipeline("bot_1")
    pipeline.extract(chatislav(**arguments(api)))
    # as in a new process, where the source is made, but never asked for rows
    monkeypatch.setattr("chatislav_source.destinations.defaults._PROVIDER._pipelines", set())

    pipeline.normalize()
    pipeline.load()

    assert datasets(pipeline) == {"chatislav", "chatislav_staging_bot_1"}


@pytest.mark.parametrize(
    "section",
    mostly_slow(["DESTINATION", "DESTINATION__DUCKDB", "BOT_1__DESTINATION"], "BOT_1__DESTINATION"),
)
def test_a_configured_staging_dataset_has_priority(
    section: str,
    api: Sandbox,
    new_pipeline: Callable[..., dlt.Pipeline],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"{section}__STAGING_DATASET_NAME_LAYOUT", "%s_mine")
    pipeline = new_pipeline("bot_1")

    pipeline.run(chatislav(**arguments(api)))

    assert datasets(pipeline) == {"chatislav", "chatislav_mine"}


@pytest.mark.usefixtures("api")
def test_pipelines_of_other_sources_keep_dlts_default(
    new_pipeline: Callable[..., dlt.Pipeline],
) -> None:
    pipeline = new_pipeline("never_ours")  # a name that no test gives to this source

    pipeline.run([{"a": 1}], table_name="t", primary_key="a", write_disposition="merge")

    assert datasets(pipeline) == {"chatislav", "chatislav_staging"}
