"""DuckDB's memory limit in the command line, and the retry when DuckDB reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import LoadFailedError, sync
from chatislav_source.destinations.dlt_internals import DuckDbCredentials
from chatislav_source.destinations.duckdb import (
    MORE_MEMORY,
    DispositionChooser,
    has_append_mark,
    is_out_of_memory,
    memory_limit,
    raise_memory_limit,
)
from chatislav_source.destinations.duckdb_file.kept_open import KeptOpen
from chatislav_source.destinations.duckdb_file.limited_memory import MEMORY_MEGABYTES, THREADS
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import TODAY
from tests.default_suite import mostly_slow

from .warehouses import pipeline_of

SECTION = "chatislav_source.destinations.duckdb"
LIMIT = "chatislav_source.destinations.duckdb_file.limited_memory.MEMORY_MEGABYTES"
TOO_LITTLE = 48  # MB, for the messages of `LONG`; four times as much is enough
FAR_TOO_LITTLE = 12  # MB; four times as much is too little too
LONG = "Dobar dan " * 20_000
MESSAGES = 250


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """The pipeline of the command line into a new DuckDB file."""
    return pipeline_of(tmp_path)


@pytest.fixture
def long_world() -> World:
    """A bot with one conversation of 250 messages of 180 kB."""
    world = World.generate((101,), conversations=1, days=3, last_day=TODAY)
    mails = [{"id": str(n), "role": "user", "content": f"{n} {LONG}"} for n in range(MESSAGES)]
    world.put(101, {**world.conversations(101)[0], "messages": mails})
    return world


@pytest.fixture
def source(long_world: World) -> Iterator[dict[str, Any]]:
    """Arguments of `sync` for `long_world`."""
    with Sandbox(long_world) as api:
        yield {"api_key": SANDBOX_KEY, "base_url": api.base_url, "bot_ids": [101]}


@pytest.fixture
def fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """dlt tries a statement once instead of five times, as each costs a second."""
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")


def add_message(world: World) -> None:
    """Add one more long message to the conversation."""
    own = world.conversations(101)[0]
    added = {"content": f"{MESSAGES} {LONG}"}
    world.put(101, {**own, "messages": [*own["messages"], added]})


def stored(pipeline: dlt.Pipeline) -> Any:
    """Number of messages in the warehouse and their length."""
    with pipeline.sql_client() as client:
        query = "SELECT count(*), sum(length(content)) FROM conversations__messages"
        return client.execute_sql(query)


def expected(messages: int) -> Any:
    """The expected result of `stored` for the long messages."""
    return [(messages, sum(len(f"{n} {LONG}") for n in range(messages)))]


@pytest.mark.parametrize("append_from_rows", mostly_slow([1, 1_000], 1))
def test_messages_however_long_are_loaded_and_loaded_again(
    pipeline: dlt.Pipeline,
    long_world: World,
    source: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    append_from_rows: int,
) -> None:
    monkeypatch.setattr(f"{SECTION}.APPEND_FROM_ROWS", append_from_rows)
    sync(pipeline, **source)
    add_message(long_world)

    sync(pipeline, **source)

    assert stored(pipeline) == expected(MESSAGES + 1)


@pytest.mark.slow
@pytest.mark.usefixtures("fails_at_once")
@pytest.mark.parametrize("append_from_rows", mostly_slow([1, 1_000], 1))
def test_a_load_that_needs_more_memory_than_the_limit_gets_it_when_it_is_tried_again(
    tmp_path: Path,
    source: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    append_from_rows: int,
) -> None:
    monkeypatch.setattr(f"{SECTION}.APPEND_FROM_ROWS", append_from_rows)
    monkeypatch.setattr(LIMIT, TOO_LITTLE)
    pipeline = pipeline_of(tmp_path)

    report = sync(pipeline, **source)

    assert "A load failed and is tried again" in caplog.text
    assert report.complete
    assert stored(pipeline) == expected(MESSAGES)
    settings = memory_limit(pipeline)
    assert settings is not None
    assert settings.megabytes == TOO_LITTLE * MORE_MEMORY


@pytest.mark.slow
@pytest.mark.usefixtures("fails_at_once")
@pytest.mark.parametrize("append_from_rows", mostly_slow([1, 1_000], 1))
def test_an_error_says_what_to_do_where_more_memory_is_too_little_as_well(
    tmp_path: Path,
    source: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    append_from_rows: int,
) -> None:
    monkeypatch.setattr(f"{SECTION}.APPEND_FROM_ROWS", append_from_rows)
    with monkeypatch.context() as little:
        little.setattr(LIMIT, FAR_TOO_LITTLE)
        pipeline = pipeline_of(tmp_path)

        with pytest.raises(LoadFailedError, match=r"memory limit.*load in Python") as caught:
            sync(pipeline, **source)

    assert "Dobar" not in str(caught.value)
    again = pipeline_of(tmp_path)
    assert not has_append_mark(again)
    sync(again, **source)
    assert stored(again) == expected(MESSAGES)


@pytest.mark.usefixtures("fails_at_once")
def test_an_append_is_undone_before_it_is_repeated_though_duckdb_had_stored_its_rows(
    pipeline: dlt.Pipeline, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # DuckDB commits, then runs out of memory in the checkpoint: its rows are stored
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

    monkeypatch.setattr(f"{SECTION}.APPEND_FROM_ROWS", 1)
    run = DuckDbCopyJob.run
    failed: list[str] = []

    def run_and_fail(job: DuckDbCopyJob) -> None:
        if job.load_table_name != "conversations__messages" or memory_limit_was_raised():
            return run(job)
        if not failed:
            run(job)
        failed.append(job.load_table_name)
        raise MemoryError("FATAL Error: checkpoint: block of size 1 KiB (9.3 MiB/9.5 MiB used)")

    def memory_limit_was_raised() -> bool:
        settings = memory_limit(pipeline)
        return settings is not None and settings.megabytes > MEMORY_MEGABYTES

    monkeypatch.setattr(DuckDbCopyJob, "run", run_and_fail)

    report = sync(pipeline, api_key=SANDBOX_KEY, base_url=api.base_url, bot_ids=[101])

    assert failed
    assert report.complete
    query = "SELECT count(*) FROM conversations__messages"
    with pipeline.sql_client() as client:
        assert client.execute_sql(query) == [(report.total("messages"),)]


def test_undoing_an_append_leaves_other_rows(pipeline: dlt.Pipeline, api: Sandbox) -> None:
    sync(pipeline, api_key=SANDBOX_KEY, base_url=api.base_url, bot_ids=[101])
    with pipeline.sql_client() as client:
        before = client.execute_sql("SELECT count(*) FROM conversations")
    with closing(KeptOpen(pipeline)) as file:
        assert DispositionChooser(pipeline, file).undo_appends()

    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT count(*) FROM conversations") == before


def test_duckdb_is_set_as_given_and_statements_follow_each_other(pipeline: dlt.Pipeline) -> None:
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
        "threads": [(THREADS,)],
        "memory_limit": [("183.1 MiB",)],  # 192 MB
        "allocator_bulk_deallocation_flush_threshold": [("1.9 MiB",)],
        "checkpoint_threshold": [("3.8 MiB",)],
    }
    assert pipeline.destination.capabilities().loader_parallelism_strategy == "sequential"


def test_a_limit_that_the_user_has_set_is_not_changed(tmp_path: Path) -> None:
    credentials = DuckDbCredentials(str(tmp_path / "w.duckdb"))
    credentials.global_config = {"memory_limit": "1GB"}
    own = dlt.pipeline("own", destination=dlt.destinations.duckdb(credentials))

    raise_memory_limit(own)

    assert credentials.global_config == {"memory_limit": "1GB"}


@pytest.mark.parametrize(
    ("text", "is_memory"),
    [
        (
            "Out of Memory Error: failed to allocate data of size 16.0 MiB (49 KiB/9.5 MiB used)",
            1,
        ),
        (
            "TransactionContext Error: Failed to commit: failed to pin block of size 256.0 KiB "
            "(91.4 MiB/91.5 MiB used)",
            1,
        ),
        (
            "FATAL Error: Failed to create checkpoint because of error: failed to pin block of "
            "size 256.0 KiB (1.2 GiB/1.2 GiB used)",
            1,
        ),
        ("Conversion Error: Could not convert string 'memory (used)' to INT64", 0),
        ("Constraint Error: Duplicate key", 0),
    ],
)
def test_every_kind_of_out_of_memory_error_is_recognised(text: str, is_memory: int) -> None:
    assert is_out_of_memory(text) is bool(is_memory)
