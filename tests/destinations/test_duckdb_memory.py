"""DuckDB gets as much memory as a load needs, however many cores there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from hypothesis import given as given_of
from hypothesis import strategies as st

from chatislav_source import sync
from chatislav_source.destinations.duckdb_memory import HeaviestRows, fit_duckdb, limits
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """The pipeline of the command line into a new DuckDB file."""
    folder = str(tmp_path / "pipelines")
    return PipelineConfig(
        "duckdb", tmp_path / "w.duckdb", "chatislav", "chatislav_sync", folder
    ).pipeline()


def given(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """What DuckDB is told when a load opens it."""
    credentials = pipeline.destination.config_params["credentials"]
    return {name: credentials.global_config[name] for name in limits(merges=True)}


def test_a_load_that_only_appends_is_given_less_than_one_that_merges(
    pipeline: dlt.Pipeline, api: Sandbox, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", 1)
    source: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url, "bot_ids": [101]}
    sync(pipeline, **source)
    appended = given(pipeline)
    world.add_message(101, world.conversations(101)[-1]["sessionId"])

    sync(pipeline, **source)

    assert (appended, given(pipeline)) == (limits(merges=False), limits(merges=True))
    assert (appended["memory_limit"], given(pipeline)["memory_limit"]) == ("48MB", "96MB")


@pytest.mark.parametrize("append_from_rows", [1, 1_000])
def test_messages_however_long_are_loaded_and_loaded_again(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, append_from_rows: int
) -> None:
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", append_from_rows)
    world = World.generate((101,), conversations=1, days=3, last_day=TODAY)
    text = "Dobar dan " * 20_000
    mails = [{"id": str(n), "role": "user", "content": f"{n} {text}"} for n in range(250)]
    own = {**world.conversations(101)[0], "messages": mails}
    world.put(101, own)
    with Sandbox(world) as api:
        source = {"api_key": SANDBOX_KEY, "base_url": api.base_url, "bot_ids": [101]}
        sync(pipeline, **source)  # type: ignore[arg-type]
        world.put(101, {**own, "messages": [*mails, {"content": f"250 {text}"}]})

        sync(pipeline, **source)  # type: ignore[arg-type]

    with pipeline.sql_client() as client:
        query = "SELECT count(*), sum(length(content)) FROM conversations__messages"
        found = client.execute_sql(query)
    assert found == [(251, sum(len(f"{n} {text}") for n in range(251)))]


def test_what_long_messages_need_is_given_to_later_loads_too(
    pipeline: dlt.Pipeline, world: World, api: Sandbox
) -> None:
    source: dict[str, Any] = {"api_key": SANDBOX_KEY, "base_url": api.base_url, "bot_ids": [101]}
    own = world.conversations(101)[-1]
    long = [{"content": "Dobar dan " * 100_000} for _ in range(10)]
    world.put(101, {**own, "messages": long})
    sync(pipeline, **source)
    world.put(101, {**own, "messages": [{"content": "Dobar dan"}]})
    sync(pipeline, **source)
    world.add_message(101, own["sessionId"])

    sync(pipeline, **source)

    given_at_last = int(given(pipeline)["memory_limit"].removesuffix("MB"))
    assert given_at_last >= 48 + 4 * (10 - 4)


@given_of(
    lengths=st.lists(st.integers(0, 1_000), min_size=1, max_size=60),
    split=st.lists(st.integers(1, 20), max_size=10),
)
def test_the_heaviest_rows_are_at_least_as_heavy_as_any_and_little_heavier(
    lengths: list[int], split: list[int]
) -> None:
    texts = pa.table({"text": pa.array(["x" * length for length in lengths], pa.binary())})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("chatislav_source.destinations.duckdb_memory.VECTOR_ROWS", 8)
        patched.setattr("chatislav_source.destinations.duckdb_memory.PART_ROWS", 2)
        heaviest = HeaviestRows()
        for rows in [*split, len(lengths)]:
            heaviest.add(texts.slice(0, rows))
            texts = texts.slice(rows)

    def most(rows: int) -> int:
        return max(sum(lengths[n : n + rows]) for n in range(len(lengths)))

    offsets = 4 * (8 + 4 + 6)  # bytes; each part has one more than rows
    assert most(8) <= heaviest.bytes <= most(8 + 4) + offsets


def test_duckdb_is_set_as_given_and_statements_follow_each_other(pipeline: dlt.Pipeline) -> None:
    fit_duckdb(pipeline, merges=False)

    with pipeline.sql_client() as client:
        found = {
            name: client.execute_sql(f"SELECT current_setting('{name}')")
            for name in (
                "threads",
                "memory_limit",
                "allocator_bulk_deallocation_flush_threshold",
                "checkpoint_threshold",
            )
        }

    assert found == {
        "threads": [(1,)],
        "memory_limit": [("45.7 MiB",)],  # 48 MB
        "allocator_bulk_deallocation_flush_threshold": [("1.9 MiB",)],
        "checkpoint_threshold": [("3.8 MiB",)],
    }
    assert pipeline.destination.capabilities().loader_parallelism_strategy == "sequential"


def test_what_somebody_else_gave_duckdb_is_left_alone(tmp_path: Path) -> None:
    credentials = DuckDbCredentials(str(tmp_path / "w.duckdb"))
    credentials.global_config = {"memory_limit": "1GB"}
    own = dlt.pipeline("own", destination=dlt.destinations.duckdb(credentials))

    fit_duckdb(own, merges=False)

    assert credentials.global_config == {"memory_limit": "1GB"}


SYNC_AND_SAY = """
from chatislav_source.cli.commands import main
try:
    main()
finally:
    import pyarrow
    print(pyarrow.default_memory_pool().backend_name)
"""


def test_the_command_line_has_arrow_use_the_allocator_that_gives_back(
    api: Sandbox, tmp_path: Path
) -> None:
    variables = {name: value for name, value in os.environ.items() if "ARROW" not in name}
    options = ["--bot-id", "101", "--base-url", api.base_url, "--json"]

    ended = subprocess.run(
        [sys.executable, "-c", SYNC_AND_SAY, "sync", *options],
        env=variables | {"SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "system")
