"""A wrong state is detected, reported and not used; planning never skips a day."""

from __future__ import annotations

import copy
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatislav_source.streams.conversations import plan, state
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.state import State
from tests.exactness.model import API, BOT_ID, START, ModelApi, config_at, seeded
from tests.exactness.warehouse import Disturbance, Warehouse, run_sync

NOW = START + timedelta(hours=1)
FIRST_DAY = (START - timedelta(days=40)).date()

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just("2999-01-01"),
    st.just("2999-01-01T00:00:00Z"),
)


def real_states() -> list[State]:
    """States stored by syncs: at the end, and after each of their first steps."""
    random = seeded(5)
    api = ModelApi(random)
    for n in range(300):
        api.add(START - timedelta(hours=3 * n))
    warehouse = Warehouse(api, FIRST_DAY)
    states = []
    for steps in (12, 40, None, None):
        run_sync(warehouse, random, Disturbance(killed_after=steps))
        assert warehouse.stored
        states.append(copy.deepcopy(warehouse.stored))
    return states


with pytest.MonkeyPatch.context() as patch:
    # small, so that a sync takes several steps
    patch.setattr("chatislav_source.streams.conversations.window_sizer.FIRST_WINDOW_DAYS", 1)
    STATES = real_states()


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, ...]] = []
    for key, part in inner:
        found.append((*path, key))
        if isinstance(part, dict | list):
            found += paths(part, (*path, key))
    return found


def changed(stored: State, place: tuple[Any, ...], how: str, value: Any) -> State:
    """A copy of a state in which one value is replaced or removed."""
    damaged = copy.deepcopy(stored)
    *outer, last = place
    part: Any = damaged
    for key in outer:
        part = part[key]
    if how == "remove":
        del part[last]
    else:
        part[last] = value
    return damaged


def value_at(stored: State, place: tuple[Any, ...]) -> Any:
    """One value of a state."""
    part: Any = stored
    for key in place:
        part = part[key]
    return part


@pytest.mark.parametrize("stored", STATES)
def test_a_state_that_lacks_any_field_is_not_used(stored: State) -> None:
    for place in paths(stored):
        if isinstance(place[-1], str):
            damaged = changed(stored, place, "remove", None)

            known, problem = state.restored(damaged, BOT_ID, API, NOW)

            assert known == state.fresh(BOT_ID, API)
            assert problem


@hypothesis_settings(max_examples=300, deadline=None)
@given(data=st.data(), stored=st.sampled_from(STATES), value=junk)
def test_a_value_of_another_type_is_detected_in_every_field(
    data: st.DataObject, stored: State, value: Any
) -> None:
    place = data.draw(st.sampled_from(paths(stored)))
    before = value_at(stored, place)
    assume(before is not None and value is not None and kind(before) is not kind(value))

    known, problem = state.restored(changed(stored, place, "replace", value), BOT_ID, API, NOW)

    assert known == state.fresh(BOT_ID, API)
    assert problem


def keeps(known: State) -> bool:
    """Tables that hold all rows."""
    return bool(known)


def kind(value: Any) -> type:
    """The JSON type of a value."""
    return float if type(value) is int else type(value)


@hypothesis_settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    stored=st.sampled_from(STATES),
    how=st.sampled_from(("replace", "remove")),
    value=junk,
)
def test_a_damaged_state_never_stops_a_sync_from_reading(
    data: st.DataObject, stored: State, how: str, value: Any
) -> None:
    place = data.draw(st.sampled_from(paths(stored)))
    damaged = changed(stored, place, how, value)

    partition = plan.conversations_partition(damaged, BOT_ID, config_at(NOW, FIRST_DAY), keeps)

    assert partition.next_request() is not None


@pytest.mark.parametrize("value", [[], 7, "text", {}, {"seal": None}])
def test_a_value_that_is_no_state_is_not_used(value: Any) -> None:
    known, problem = state.restored(value, BOT_ID, API, NOW)

    assert known == state.fresh(BOT_ID, API)
    assert problem


def test_no_state_is_no_problem() -> None:
    assert state.restored(None, BOT_ID, API, NOW) == (state.fresh(BOT_ID, API), None)


@pytest.mark.parametrize("stored", STATES)
def test_a_state_is_restored_as_it_was_stored(stored: State) -> None:
    assert state.restored(stored, BOT_ID, API, NOW) == (stored, None)


@pytest.mark.parametrize("stored", STATES)
def test_a_state_has_exactly_the_described_fields(stored: State) -> None:
    assert set(stored) == {"version", "bot_id", "api", *state.FORMAT.fields}


def other(known: State, change: str) -> State:
    """A well-formed state that is wrong for this bot, API or time."""
    changes: dict[str, dict[str, Any]] = {
        "version": {"version": 0},
        "newer version": {"version": state.FORMAT.version + 1},
        "bot": {"bot_id": BOT_ID + 1},
        "api": {"api": "https://elsewhere"},
        "future": {"watermark": "2999-01-01T00:00:00Z"},
        "future start": {"loaded_from": "2999-01-01"},
        "no start": {"loaded_from": None},
    }
    return {**known, **changes[change]}


@pytest.mark.parametrize(
    "change", ["version", "newer version", "bot", "api", "future", "future start", "no start"]
)
@pytest.mark.parametrize("stored", STATES[-1:])
def test_a_state_of_another_bot_or_the_future_is_reported_and_everything_is_read_again(
    stored: State, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_at(START, FIRST_DAY)

    partition = plan.conversations_partition(other(stored, change), BOT_ID, config, keeps)

    progress = partition.state["progress"]
    first = min(window.first_day for window in state.parsed(progress["todo"]))
    assert first == config.start_date
    assert "Everything is read again" in caplog.text


def test_a_sync_that_began_in_the_future_is_not_continued() -> None:
    _, problem = state.restored(STATES[0], BOT_ID, API, START - timedelta(days=3))

    assert problem == "its sync started in the future"


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(
    lambda instant: instant.replace(tzinfo=START.tzinfo)
)


@hypothesis_settings(deadline=None)
@given(
    now=instants,
    since=st.timedeltas(timedelta(0), timedelta(days=70)),
    lookbacks=st.tuples(*[st.one_of(st.none(), st.integers(0, 40))] * 2),
    date_filter=st.sampled_from(("unknown", "activity", "created")),
    rows_per_day=st.one_of(st.none(), st.floats(0, 5000)),
    start_days=st.integers(0, 120),
)
def test_two_syncs_leave_no_day_between_them(
    now: datetime,
    since: timedelta,
    lookbacks: tuple[int | None, int | None],
    date_filter: str,
    rows_per_day: float | None,
    start_days: int,
) -> None:
    start = (now - timedelta(days=start_days)).date()
    fresh = state.fresh(BOT_ID, API)
    first = plan.begun_sync(fresh, config_at(now, start, lookbacks[0]))
    loaded = state.finished({**first, "date_filter": date_filter}, rows_per_day, [])
    later = now + since

    second = plan.begun_sync(loaded, config_at(later, start, lookbacks[1]))

    assert covers(first["progress"], start, now.date())
    not_settled = date.fromisoformat(first["progress"]["settled_before"])
    assert covers(second["progress"], max(start, not_settled), later.date())


def covers(progress: State, first_day: date, last_day: date) -> bool:
    """Whether a progress reads every day from `first_day` to `last_day`, both included."""
    windows = state.parsed([*progress["todo"], progress["tail"]])
    days = (last_day - first_day).days + 1
    return all(
        any(window.contains(first_day + timedelta(days=n)) for window in windows)
        for n in range(days)
    )


@pytest.mark.parametrize("under_way", [True, False])
def test_a_start_date_moved_back_adds_the_days_before(under_way: bool) -> None:
    known = STATES[0] if under_way else STATES[-1]
    earlier = (START - timedelta(days=60)).date()

    partition = plan.conversations_partition(known, BOT_ID, config_at(START, earlier), keeps)

    todo = state.parsed(partition.state["progress"]["todo"])
    assert any(window.contains(earlier) for window in todo)
    assert partition.state["loaded_from"] == str(earlier)


def test_the_next_sync_reads_the_windows_left_to_it() -> None:
    left = {**STATES[-1], "again": ["2026-05-25/2026-05-26"]}

    partition = plan.conversations_partition(left, BOT_ID, config_at(START, START.date()), keeps)

    todo = state.parsed(partition.state["progress"]["todo"])
    assert any(window.contains(date(2026, 5, 25)) for window in todo)
    assert DateWindow.parse("2026-05-25/2026-05-26") in todo
