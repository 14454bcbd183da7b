"""Which conversations of a bot a run reads, from its state and from what the tables hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from chatislav_source.config import SyncConfig
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.conversations.plan import LOST_ROWS, Keeps, conversations_partition
from chatislav_source.streams.date_window import DateWindow, merged
from chatislav_source.streams.state import State
from tests.exactness.model import config_at
from tests.streams.test_state import NOW, stored


def config_for(known: State) -> SyncConfig:
    """The config of the next sync of the bot, without a start date of its own."""
    config = config_at(NOW, date(2026, 9, 1))
    return replace(config, base_url=known["api"], start_date_given=False)


earlier_versions = pytest.mark.parametrize("version", [1, 2])
LOADED: State = {"conversations": 50, "messages": 200, "last_load": "1795881665.1"}


def kept(before: date) -> State:
    """What the tables hold of the days before one: all that was loaded."""
    return {"before": str(before), **LOADED}


def not_counted(before: date) -> State:
    """A count that must not be asked for."""
    raise AssertionError(f"the rows before {before} were counted")


Count = Callable[[date], State | None]
"""What the tables hold of the days before one; None if there is no table."""


def by(count: Count) -> Keeps:
    """Whether rows are kept, by what the tables hold."""

    def keeps(known: State) -> bool:
        settled = known["settled"]
        found = count(date.fromisoformat(settled["before"] if settled else known["loaded_from"]))
        return found is not None and (settled is None or state.is_kept(settled, found))

    return keeps


def planned(known: State, count: Count, config: SyncConfig | None = None) -> ConversationsPartition:
    """The partition of the next sync."""
    return conversations_partition(known, known["bot_id"], config or config_for(known), by(count))


def windows_of(partition: ConversationsPartition) -> list[DateWindow]:
    """The windows that a sync reads, merged."""
    return merged(state.windows_left(partition.state["progress"]))


def ended() -> State:
    """The state after a sync whose settled rows were counted."""
    known = stored(2, "conversations-ended")
    current, problem = state.restored(known, known["bot_id"], known["api"], NOW)
    assert problem is None
    return {**current, "settled": kept(date(2026, 11, 26))}


@earlier_versions
def test_a_sync_after_an_update_reads_the_lookback_only(version: int) -> None:
    known = stored(version, "conversations-ended")

    partition = planned(known, kept)

    assert windows_of(partition) == [DateWindow(date(2026, 11, 26), None)]
    assert partition.state["version"] == state.FORMAT.version


@earlier_versions
def test_a_sync_that_an_older_version_began_is_continued_at_its_page(version: int) -> None:
    known = stored(version, "conversations-interrupted")

    partition = planned(known, kept)

    request = partition.next_request()
    assert request is not None
    assert request.page_token == known["progress"]["open"][0]["page_token"]
    assert partition.state["progress"] == known["progress"]


def backfill_config(known: State) -> SyncConfig:
    """The config of the backfill that is under way in a state."""
    first_day, last_day = map(date.fromisoformat, known["backfill"]["range"].split("/"))
    config = config_for(known)
    return replace(config, start_date=first_day, start_date_given=True, end_date=last_day)


@earlier_versions
def test_a_backfill_that_an_older_version_began_is_continued(version: int) -> None:
    known = stored(version, "conversations-backfill")

    partition = planned(known, not_counted, backfill_config(known))  # no sync has loaded rows

    assert partition.state["backfill"] == known["backfill"]


def test_a_bot_that_was_never_synced_needs_no_count() -> None:
    config = config_at(NOW, date(2026, 9, 1))

    partition = conversations_partition(None, 7, config, by(not_counted))

    assert windows_of(partition) == [DateWindow(date(2026, 9, 1), None)]


MORE: State = {"conversations": 51, "messages": 201, "last_load": "1795881665.2"}


@pytest.mark.parametrize("name", MORE)
def test_rows_that_were_added_lose_nothing(name: str) -> None:
    partition = planned(ended(), lambda before: {**kept(before), name: MORE[name]})

    assert windows_of(partition) == [DateWindow(date(2026, 11, 26), None)]
    assert partition.state["watermark"] == ended()["watermark"]


LESS: dict[str, State | None] = {
    "fewer conversations": {"conversations": 49},
    "an older load": {"last_load": "1795881665.0"},
    "no row": {"conversations": 0, "messages": 0, "last_load": None},
    "no table": None,
}


def holding(less: State | None) -> Count:
    """A count of tables that lost rows."""
    return lambda before: None if less is None else {**kept(before), **less}


@pytest.mark.parametrize("less", LESS)
def test_a_bot_whose_rows_were_lost_is_read_again_since_the_first_loaded_day(
    less: str, caplog: pytest.LogCaptureFixture
) -> None:
    partition = planned(ended(), holding(LESS[less]))

    assert windows_of(partition) == [DateWindow(date(2026, 11, 16), None)]
    assert partition.state["watermark"] is None
    assert partition.state["settled"] is None
    assert LOST_ROWS in caplog.text


@pytest.mark.parametrize(
    ("start", "first_day"),
    [(date(2026, 11, 20), date(2026, 11, 16)), (date(2026, 11, 1), date(2026, 11, 1))],
    ids=["later", "earlier"],
)
def test_lost_rows_are_read_again_also_if_the_start_date_moved(
    start: date, first_day: date
) -> None:
    config = replace(config_for(ended()), start_date=start, start_date_given=True)

    partition = planned(ended(), holding(None), config)

    assert windows_of(partition) == [DateWindow(first_day, None)]
    assert partition.state["loaded_from"] == str(first_day)


def test_a_sync_under_way_whose_tables_are_gone_begins_anew() -> None:
    known = stored(2, "conversations-interrupted")
    config = replace(config_for(known), start_date=date(2026, 11, 20))

    partition = planned(known, holding(None), config)

    assert windows_of(partition) == [DateWindow(date(2026, 10, 19), None)]
    assert partition.state["progress"]["open"] == []


def test_a_backfill_of_a_bot_whose_rows_were_lost_begins_anew_and_so_does_the_next_sync() -> None:
    of_backfill = stored(2, "conversations-backfill")
    begun = of_backfill["backfill"]
    known = {**ended(), "backfill": begun}
    config = backfill_config(of_backfill)

    continued = planned(known, kept, replace(config, base_url=known["api"]))
    anew = planned(known, holding(None), replace(config, base_url=known["api"]))
    synced = planned(anew.state, kept)

    assert continued.state["backfill"] == begun
    assert anew.state["backfill"]["todo"] == [of_backfill["backfill"]["range"]]
    assert anew.state["backfill"]["open"] == []
    assert min(windows_of(synced)).first_day <= date(2026, 11, 16)


def test_a_sync_that_was_lost_twice_still_reads_since_the_first_loaded_day() -> None:
    once = planned(ended(), holding(None))
    later = replace(config_for(ended()), start_date=NOW.date() - timedelta(days=1))

    twice = planned(once.state, holding(None), later)

    assert windows_of(twice) == windows_of(once)
