"""One run: what of its parts waits for what."""

from __future__ import annotations

import time

from chatislav_source.chunk import Chunk
from chatislav_source.run import Run
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from chatislav_source.source import resolved_options


def test_conversations_that_are_ready_to_be_loaded_do_not_wait_for_analytics(api: Sandbox) -> None:
    api.configure(faults={"slow": 1.0}, fault_paths={"/analytics"}, slow_seconds=0.5)
    options = resolved_options(bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url)

    with Run(options) as run:
        run.start("conversations", {})  # nothing of them is taken, so there is more to come
        tables = list(run.analytics({}, Chunk.starting(time.monotonic())))

    assert [table.num_rows for table in tables] == [0]


def test_conversations_that_are_of_the_next_load_do_not_wait_for_analytics(api: Sandbox) -> None:
    api.configure(faults={"slow": 1.0}, fault_paths={"/analytics"}, slow_seconds=0.5)
    options = resolved_options(bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url)

    with Run(options) as run:
        crawl = run.start("conversations", {})
        while (piece := crawl.take()) is not None:
            run._held_back.append(piece)
        tables = list(run.analytics({}, Chunk.starting(time.monotonic())))

    assert crawl.is_over
    assert [table.num_rows for table in tables] == [0]
