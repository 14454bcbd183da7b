"""The stored state of a bot's conversations: what it says about windows, rows and the last sync."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.streams.conversations.state import (
    FORMAT,
    begun,
    expiring,
    finished,
    fresh,
    is_finished,
    is_kept,
    restored,
    since,
    windows_left,
    without_progress,
)
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State
from tests.exactness.model import API, BOT_ID, START

TAIL = DateWindow(date(2026, 6, 29), None)
OLDER = DateWindow(date(2026, 6, 1), date(2026, 6, 28))
SETTLED: State = {"before": "2026-06-01", "conversations": 5, "messages": 9, "last_load": "1.5"}


def under_way() -> State:
    """The state of a sync that has just begun."""
    progress = begun(START, [OLDER], TAIL, date(2026, 6, 10))
    return {**fresh(BOT_ID, API), "loaded_from": "2026-06-01", "progress": progress}


COUNTS = st.builds(
    lambda conversations, messages, last_load: {
        "before": "2026-06-01",
        "conversations": conversations,
        "messages": messages,
        "last_load": last_load,
    },
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([None, "1795881665.1", "1795881665.2"]),
)


@given(COUNTS, COUNTS)
def test_rows_are_kept_if_none_is_missing_and_no_load_is(settled: State, found: State) -> None:
    is_less = found["conversations"] < settled["conversations"]
    is_older = settled["last_load"] is not None and (
        found["last_load"] is None or found["last_load"] < settled["last_load"]
    )

    assert is_kept(settled, found) is not (is_less or is_older)


def test_a_bot_whose_rows_were_lost_keeps_only_the_first_loaded_day() -> None:
    ended = finished(under_way(), 5.0, [OLDER])
    known = {**ended, "settled": SETTLED, "date_filter": "activity", "error": "x"}

    assert without_progress(known) == {**fresh(BOT_ID, API), "loaded_from": "2026-06-01"}


def test_a_sync_is_finished_when_one_has_ended_and_none_is_under_way() -> None:
    ended = finished(under_way(), 5.0, [])

    assert not is_finished(fresh(BOT_ID, API))
    assert not is_finished(under_way())
    assert is_finished(ended)
    assert not is_finished({**ended, "progress": under_way()["progress"]})


def test_the_windows_left_are_all_that_may_still_be_read() -> None:
    windows = [DateWindow(date(2026, month, 1), date(2026, month, 9)) for month in (1, 2, 3)]
    entry = {"window": str(windows[1]), "page_token": "t", "limit": 100}
    progress = {
        **begun(START, [windows[0]], TAIL),
        "open": [entry],
        "unverified": [str(windows[2])],
    }

    assert windows_left(progress) == [*windows, TAIL]


def test_a_state_has_exactly_the_described_fields() -> None:
    assert set(fresh(BOT_ID, API)) == {"version", "bot_id", "api", *FORMAT.fields}
    assert FORMAT.version == 4


@pytest.mark.parametrize("settled", [SETTLED, {**SETTLED, "last_load": None}, None])
def test_a_state_with_its_count_is_used(settled: State | None) -> None:
    known = {**finished(under_way(), 5.0, []), "settled": settled}

    assert restored(known, BOT_ID, API, START) == (known, None)


@pytest.mark.parametrize(
    "settled",
    [
        pytest.param({}, id="empty"),
        pytest.param(5, id="a number"),
        pytest.param({**SETTLED, "before": None}, id="no day"),
        pytest.param({**SETTLED, "before": "soon"}, id="a day that is none"),
        pytest.param({**SETTLED, "conversations": "5"}, id="a number as text"),
        pytest.param({**SETTLED, "messages": None}, id="no number"),
        pytest.param({**SETTLED, "last_load": 1.5}, id="a load that is a number"),
    ],
)
def test_a_state_with_a_damaged_count_is_not_used(settled: Any) -> None:
    known = {**finished(under_way(), 5.0, []), "settled": settled}

    state, problem = restored(known, BOT_ID, API, START + timedelta(hours=1))

    assert state == fresh(BOT_ID, API)
    assert "'settled' is damaged" in (problem or "")


def test_what_is_noted_of_rows_that_will_be_deleted_survives_an_update() -> None:
    earlier = {name: value for name, value in fresh(BOT_ID, API).items() if name != "kept_from"}
    noted = expiring({**earlier, "version": 3, "settled": SETTLED}, date(2026, 5, 1))

    state, problem = restored(noted, BOT_ID, API, START)

    assert (problem, state["kept_from"], state["settled"]) == (None, "2026-05-01", None)
    assert expiring(state, date(2026, 4, 1))["kept_from"] == "2026-05-01"


def test_a_sync_under_way_reads_no_day_that_can_have_nothing_to_keep() -> None:
    progress = begun(START, [OLDER], TAIL)
    old = {"window": "2026-05-01/2026-05-31", "page_token": "t", "limit": 100}
    new = {**old, "window": "2026-05-20/2026-06-12"}
    begun_windows = {**progress, "open": [old, new], "unverified": [str(OLDER)]}

    left = since(begun_windows, date(2026, 6, 10))

    later = ["2026-06-10/2026-06-28"]
    assert (left["todo"], left["unverified"], left["open"]) == (later, later, [new])
    assert left["tail"] == str(TAIL)
