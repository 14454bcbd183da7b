"""One run: conversations do not wait for analytics."""

from __future__ import annotations

import time

import pytest

from chatislav_source.configured import sync_config
from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.extract.page_groups import OnPage
from chatislav_source.extract.worker_pool import WorkerPool
from chatislav_source.runner.conversations.tables import ConversationTables
from chatislav_source.runner.run import Run
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.conftest import days_ago
from tests.soon import soon


def test_conversations_that_are_ready_to_be_loaded_do_not_wait_for_analytics(api: Sandbox) -> None:
    api.configure(faults={"slow": 1.0}, fault_paths={"/analytics"}, slow_seconds=0.5)
    config = sync_config(
        "chatislav_sync", bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url
    )

    with Run(config) as run:
        run.start("conversations", {})  # no page is taken, so the stream is not over
        tables = list(run.package("analytics", {}, LoadLimit.starting(time.monotonic())))

    assert [(table.name, rows.num_rows) for table, rows in tables] == [
        ("analytics", 0),
        ("rejected", 0),
    ]


def test_held_back_conversations_do_not_wait_for_analytics(api: Sandbox) -> None:
    api.configure(faults={"slow": 1.0}, fault_paths={"/analytics"}, slow_seconds=0.5)
    config = sync_config(
        "chatislav_sync", bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url
    )

    with Run(config) as run:
        run.start("conversations", {})
        conversations = run.tables["conversations"]
        assert isinstance(conversations, ConversationTables)
        (conversations_queue,) = run.pool._queues
        while (page := run.pool.take(conversations_queue)) is not None:
            conversations._waiting.append(page)
        tables = list(run.package("analytics", {}, LoadLimit.starting(time.monotonic())))

    assert run.pool.is_over(conversations_queue)
    assert [(table.name, rows.num_rows) for table, rows in tables] == [
        ("analytics", 0),
        ("rejected", 0),
    ]


def test_the_range_is_that_of_the_plan_though_its_last_response_came_at_once(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ConversationTables.start

    def start_and_end(tables: ConversationTables, pool: WorkerPool, on_page: OnPage) -> None:
        start(tables, pool, on_page)
        assert soon(lambda: all(partition.done for partition in tables.partitions))

    monkeypatch.setattr(ConversationTables, "start", start_and_end)
    config = sync_config(
        "chatislav_sync",
        bot_ids=[101],
        api_key=SANDBOX_KEY,
        base_url=api.base_url,
        start_date=days_ago(2),
    )

    with Run(config) as run:
        run.start("conversations", {})

        assert run.reports["conversations", 101].first_day == days_ago(2)
