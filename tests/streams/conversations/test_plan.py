"""Which conversations of a bot a run reads, from a state stored by an older version."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from chatislav_source.config import SyncConfig
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.plan import conversations_partition
from chatislav_source.streams.state import State
from tests.exactness.model import config_at
from tests.streams.test_state import NOW, stored


def config_for(known: State) -> SyncConfig:
    """The config of the next sync of the bot, without a start date of its own."""
    config = config_at(NOW, date(2026, 9, 1))
    return replace(config, base_url=known["api"], start_date_given=False)


def test_a_sync_after_an_update_reads_the_lookback_only() -> None:
    known = stored(1, "conversations-ended")

    partition = conversations_partition(known, known["bot_id"], config_for(known))

    progress = partition.state["progress"]
    windows = state.parsed([*progress["todo"], progress["tail"]])
    assert min(window.first_day for window in windows) == date(2026, 11, 26)
    assert partition.state["digests"] == known["digests"]


def test_a_sync_that_an_older_version_began_is_continued_at_its_page() -> None:
    known = stored(1, "conversations-interrupted")

    partition = conversations_partition(known, known["bot_id"], config_for(known))

    request = partition.next_request()
    assert request is not None
    assert request.page_token == known["progress"]["open"][0]["page_token"]
    assert partition.state["progress"] == known["progress"]


def test_a_backfill_that_an_older_version_began_is_continued() -> None:
    known = stored(1, "conversations-backfill")
    first_day, last_day = map(date.fromisoformat, known["backfill"]["range"].split("/"))
    config = replace(
        config_for(known), start_date=first_day, start_date_given=True, end_date=last_day
    )

    partition = conversations_partition(known, known["bot_id"], config)

    assert partition.state["backfill"] == known["backfill"]
