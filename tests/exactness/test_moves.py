"""Page drift is detected: one test for each sequence of events that could lose a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.date_window import DateWindow
from tests.exactness.model import START, Conversation, ModelApi, seeded
from tests.exactness.warehouse import Disturbance, Warehouse, run_sync

pytestmark = pytest.mark.usefixtures("small_pages")
OLD = START - timedelta(days=20)
YESTERDAY = (START - timedelta(days=1)).date()


def api_with(rows: int, day: datetime, **given: object) -> tuple[ModelApi, list[Conversation]]:
    """An API with `rows` conversations of one day, in order, and six of today."""
    api = ModelApi(seeded(1), **given)  # type: ignore[arg-type]
    old = [api.add(day + timedelta(minutes=n)) for n in range(rows)]
    for n in range(6):
        api.add(api.now - timedelta(hours=2, minutes=n))
    return api, old


def warehouse_of(api: ModelApi, lookback_days: int | None = 1) -> Warehouse:
    """A warehouse that syncs the 40 days before."""
    return Warehouse(api, (START - timedelta(days=40)).date(), lookback_days)


def sync(warehouse: Warehouse, killed_after: int | None = None) -> bool:
    """A sync with one request at a time."""
    return run_sync(warehouse, seeded(2), Disturbance(killed_after=killed_after), in_flight=1)


def once(*steps: tuple[Callable[[PageRequest], bool], Callable[[], None]]) -> Callable[..., None]:
    """A hook that runs each step's action once, in order, before the first page that matches it."""
    left = list(steps)

    def before_page(request: PageRequest) -> None:
        if left and left[0][0](request):
            left.pop(0)[1]()

    return before_page


def second_page_of_old_days(request: PageRequest) -> bool:
    return request.page_token is not None and request.window.contains(OLD.date())


def second_page_of_newest_days(request: PageRequest) -> bool:
    return request.page_token is not None and request.window.last_day is None


def test_a_conversation_that_leaves_an_old_window_between_two_pages_loses_no_other() -> None:
    api, old = api_with(9, OLD, order="oldest_activity")
    api.before_page = once((second_page_of_old_days, lambda: api.touch(old[0])))
    warehouse = warehouse_of(api)

    sync(warehouse)

    assert warehouse.differences() == []


def test_a_conversation_that_moves_twice_past_the_pages_of_the_newest_days_is_loaded() -> None:
    api, old = api_with(9, OLD, order="newest_activity")
    leaver = old[-1]

    def leaves() -> None:
        api.touch(leaver)
        leaver.activity = leaver.sent[-1] = START - timedelta(minutes=5)  # not yet at the front
        for n in range(5):
            api.add(START - timedelta(minutes=1, seconds=n))

    api.before_page = once(
        (second_page_of_old_days, leaves), (second_page_of_newest_days, lambda: api.touch(leaver))
    )
    warehouse = warehouse_of(api)

    sync(warehouse)

    assert warehouse.differences() == []


def test_a_conversation_that_moves_between_the_two_newest_windows_is_loaded() -> None:
    api, old = api_with(15, OLD, order="newest_activity")
    for days in (1, 2):
        for n in range(15):
            api.add(START - timedelta(days=days, minutes=n))
    leaver = old[-1]
    requested: list[PageRequest] = []

    def leaves() -> None:
        api.touch(leaver)
        leaver.activity = leaver.sent[-1] = START - timedelta(days=1, minutes=12)

    def of_yesterday(request: PageRequest) -> bool:
        return request.page_token is not None and request.window == DateWindow(YESTERDAY, YESTERDAY)

    actions = once((second_page_of_old_days, leaves), (of_yesterday, lambda: api.touch(leaver)))

    def before_page(request: PageRequest) -> None:
        requested.append(request)
        actions(request)

    api.before_page = before_page
    warehouse = warehouse_of(api)

    sync(warehouse)

    parts = DateWindow(YESTERDAY, None).split_first_day()
    assert {request.window for request in requested} >= set(parts)
    assert warehouse.differences() == []


def test_a_conversation_that_moves_into_the_older_newest_window_is_loaded() -> None:
    midnight = START.replace(hour=0)
    api, old = api_with(15, OLD, order="oldest_activity", now=midnight + timedelta(minutes=5))
    for days in (1, 2):
        for n in range(15):
            api.add(midnight - timedelta(days=days - 1, hours=2, minutes=n))

    def leaves() -> None:
        api.touch(old[0])
        # the API's clock is behind ours
        old[0].activity = old[0].sent[-1] = midnight - timedelta(minutes=5)

    api.before_page = once((second_page_of_old_days, leaves))
    warehouse = warehouse_of(api)

    sync(warehouse)

    assert warehouse.differences() == []


def test_unverified_days_are_read_again_after_the_lookback_got_shorter() -> None:
    moved = START - timedelta(days=10)
    api, old = api_with(9, moved, order="oldest_activity")
    api.add(START - timedelta(days=30), START - timedelta(days=5))  # proves the date filter
    api.before_page = once(
        (
            lambda request: (
                request.page_token is not None and request.window.contains(moved.date())
            ),
            lambda: api.touch(old[0]),
        )
    )
    warehouse = warehouse_of(api, lookback_days=None)
    sync(warehouse)
    assert warehouse.stored
    assert warehouse.stored["date_filter"] == "activity"

    sync(warehouse)

    assert warehouse.differences() == []


def test_after_a_kill_the_days_of_a_conversation_show_which_window_it_left() -> None:
    api, old = api_with(9, OLD, order="oldest_activity")
    api.before_page = once((second_page_of_old_days, lambda: api.touch(old[0])))
    warehouse = warehouse_of(api)
    steps = 0
    while not (warehouse.stored and warehouse.stored["progress"]["unverified"]):
        steps += 1
        warehouse.stored = None
        sync(warehouse, killed_after=steps)
        api.before_page = once((second_page_of_old_days, lambda: api.touch(old[0])))
    api.before_page = lambda _: None

    sync(warehouse)

    assert warehouse.differences() == []


def test_a_version_that_comes_back_is_written_again() -> None:
    api, _ = api_with(0, OLD)
    changing = next(iter(api.world.values()))
    warehouse = warehouse_of(api)
    for version in (0, 1, 0):
        changing.version = version
        sync(warehouse)

    assert warehouse.differences() == []


def test_a_version_that_comes_back_after_an_older_window_had_another_is_written_again() -> None:
    api, _ = api_with(0, OLD)
    changing = next(iter(api.world.values()))
    recent = changing.activity
    warehouse = warehouse_of(api)
    sync(warehouse)
    changing.version, changing.activity = 1, OLD
    warehouse.stored = reread(warehouse, OLD)
    sync(warehouse)
    assert warehouse.comments[changing.session_id] == "version 1"

    changing.version, changing.activity = 0, recent
    sync(warehouse)

    assert warehouse.differences() == []


def reread(warehouse: Warehouse, day: datetime) -> dict[str, object]:
    """The stored state with one day to read again."""
    assert warehouse.stored
    return {**warehouse.stored, "again": [f"{day.date()}/{day.date()}"]}


def test_a_window_that_drifts_in_every_pass_is_left_to_the_next_sync() -> None:
    api, old = api_with(9, OLD, order="oldest_activity")
    leavers = iter(old)

    def leaves(request: PageRequest) -> None:
        if second_page_of_old_days(request):
            api.touch(next(leavers))

    api.before_page = leaves
    warehouse = warehouse_of(api)
    sync(warehouse)
    api.before_page = lambda _: None

    sync(warehouse)

    assert warehouse.differences() == []


@pytest.mark.parametrize("token", ["offset", "keyset", "snapshot"])
def test_rows_skipped_by_removals_in_the_lookback_are_loaded_by_the_next_sync(token: str) -> None:
    api, recent = api_with(9, START - timedelta(days=1), order="oldest_activity", token=token)
    api.before_page = once(
        (lambda request: request.page_token is not None, lambda: api.remove(recent[0]))
    )
    warehouse = warehouse_of(api)
    sync(warehouse)

    sync(warehouse)

    assert warehouse.differences() == []
