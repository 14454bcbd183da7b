"""One run: conversations do not wait for analytics."""

from __future__ import annotations

import time

from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.runner.conversation_tables import ConversationTables
from chatislav_source.runner.run import Run
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from chatislav_source.source import sync_config


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
            conversations._held_back.append(page)
        tables = list(run.package("analytics", {}, LoadLimit.starting(time.monotonic())))

    assert run.pool.is_over(conversations_queue)
    assert [(table.name, rows.num_rows) for table, rows in tables] == [
        ("analytics", 0),
        ("rejected", 0),
    ]
