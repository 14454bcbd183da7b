"""Which conversations have guardrail events: no flagged one is ever stored as if it had none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import chatislav
from chatislav_source.records.schema import CONVERSATIONS
from chatislav_source.sandbox import World
from chatislav_source.streams.conversations.page import PageRequest
from tests.default_suite import mostly_slow
from tests.exactness.model import START, Conversation, ModelApi, seeded
from tests.exactness.truth import TODAY, Bench, bench, days_ago, stored
from tests.exactness.warehouse import Disturbance, Warehouse, run_sync

pytestmark = pytest.mark.usefixtures("small_pages")
OLD = START - timedelta(days=20)
PAGE = 4  # conversations

Hook = Callable[[PageRequest], None]


def api_with(rows: int, flagged: int, **given: object) -> tuple[ModelApi, list[Conversation]]:
    """An API with old conversations, the first of them flagged, and six of today, two flagged."""
    api = ModelApi(seeded(1), **{"order": "oldest_activity"} | given)  # type: ignore[arg-type]
    old = [api.add(OLD + timedelta(minutes=n)) for n in range(rows)]
    recent = [api.add(api.now - timedelta(hours=2, minutes=n)) for n in range(6)]
    for row in [*old[:flagged], *recent[:2]]:
        row.flagged = True
    return api, old


def warehouse_of(api: ModelApi, with_flags: bool = True) -> Warehouse:
    """A warehouse that syncs the 40 days before."""
    return Warehouse(api, (START - timedelta(days=40)).date(), 1, with_flags)


def sync(warehouse: Warehouse, killed_after: int | None = None) -> bool:
    """A sync with one request at a time."""
    return run_sync(warehouse, seeded(2), Disturbance(killed_after=killed_after), in_flight=1)


def noting(api: ModelApi) -> list[PageRequest]:
    """The requests that the API gets from now on."""
    requests: list[PageRequest] = []
    api.before_page = requests.append
    return requests


def before_flagged_pages(day: date, acts: dict[int, Callable[[], object]]) -> Hook:
    """A hook that acts before a page of the flagged conversations of a day, by its number."""
    seen: list[PageRequest] = []

    def before_page(request: PageRequest) -> None:
        if request.asks_flagged and request.window.contains(day):
            seen.append(request)
            acts.get(len(seen), lambda: None)()

    return before_page


def test_flags_take_one_more_listing_per_window_and_no_more_requests_than_its_pages() -> None:
    api, _ = api_with(rows=11, flagged=6)
    without, with_flags = warehouse_of(api, with_flags=False), warehouse_of(api)
    plain = noting(api)
    sync(without)
    asked = noting(api)

    sync(with_flags)

    of_rows = [request.window for request in asked if not request.asks_flagged]
    windows = [request.window for request in plain if request.page_token is None]
    of_old_days = [r for r in asked if r.asks_flagged and r.window.contains(OLD.date())]
    assert without.wrong_flags() == with_flags.wrong_flags() == []
    assert sorted(of_rows) == sorted(request.window for request in plain)
    assert len(of_old_days) == 2  # six flagged conversations, four on a page
    assert len(asked) - len(plain) == len(windows) + 1


def test_a_row_changes_with_its_flag_and_no_other_row_is_written() -> None:
    api, _ = api_with(rows=0, flagged=0)
    warehouse = warehouse_of(api)
    sync(warehouse)
    before = dict(warehouse.versions)
    changed = next(row for row in api.world.values() if not row.flagged)
    changed.flagged = True

    sync(warehouse)

    written = {name for name, version in warehouse.versions.items() if version != before[name]}
    assert written == {changed.session_id}
    assert warehouse.differences() == []


def test_after_a_kill_at_any_moment_every_stored_flag_is_right_and_the_next_sync_goes_on() -> None:
    continued = 0
    for killed_after in range(1, 60):
        api, _ = api_with(rows=11, flagged=6)
        warehouse = warehouse_of(api)
        is_over = sync(warehouse, killed_after)
        assert warehouse.wrong_flags() == []
        progress = warehouse.stored and warehouse.stored["progress"]
        continued += bool(progress and progress["open"])

        sync(warehouse)

        assert warehouse.differences() == []
        if is_over:
            break

    assert continued
    assert is_over


@pytest.mark.parametrize("rows", [9, PAGE + 1], ids=["rows on pages", "rows on one page"])
def test_a_conversation_that_leaves_between_two_pages_of_the_flagged_hides_no_flag(
    rows: int,
) -> None:
    api, old = api_with(rows, flagged=rows)
    api.before_page = before_flagged_pages(OLD.date(), {2: lambda: api.touch(old[0])})
    warehouse = warehouse_of(api)

    sync(warehouse)

    assert warehouse.differences() == []


def test_flagged_conversations_on_inconsistent_pages_are_listed_again_before_the_rows() -> None:
    api, _ = api_with(rows=0, flagged=0)
    begin = START - timedelta(hours=4)
    flagged = [api.add(begin + timedelta(minutes=n)) for n in range(16)]
    for row in flagged:
        row.flagged = True

    def remove_three() -> None:
        """The seventh to ninth are skipped."""
        for row in flagged[:3]:
            api.remove(row)

    def add_one() -> None:
        """Each page begins with the last row of the page before."""
        api.add(begin - timedelta(minutes=1)).flagged = True

    acts: dict[int, Callable[[], object]] = {2: add_one, 3: remove_three}
    api.before_page = before_flagged_pages(START.date(), acts)
    warehouse = warehouse_of(api)

    sync(warehouse)

    assert warehouse.differences() == []


def test_a_sync_without_flags_keeps_those_of_unchanged_rows_and_clears_those_of_others() -> None:
    api, _ = api_with(rows=0, flagged=0)
    warehouse = warehouse_of(api)
    sync(warehouse)
    before = dict(warehouse.flags)
    changed = next(row for row in api.world.values() if row.flagged)
    changed.version += 1
    warehouse.with_flags = False

    sync(warehouse)

    assert warehouse.flags == before | {changed.session_id: None}


def flags_in(made: Bench) -> dict[str, bool | None]:
    """The flags in the tables, by session id."""
    rows = stored(made.database, CONVERSATIONS)
    return {row["session_id"]: row["guardrail_flagged"] for row in rows}


def flags_of(made: Bench, since: date, column: str) -> dict[str, bool | None]:
    """The flags of the API; null for conversations of before a day."""
    return {
        row["sessionId"]: made.world.is_flagged(101, row["sessionId"])
        if row[column].date() >= since
        else None
        for row in made.world.conversations(101)
    }


@pytest.mark.parametrize(
    ("date_filter", "column"),
    mostly_slow(
        [("activity", "lastActivity"), ("created", "createdAt")], ("activity", "lastActivity")
    ),
)
def test_rows_have_flags_from_when_they_are_asked_for_and_older_rows_by_a_backfill(
    tmp_path: Path, date_filter: str, column: str
) -> None:
    world = World.generate((101,), conversations=60, days=40, last_day=TODAY, messages=2)
    for row in world.conversations(101)[::2]:
        world.flag(101, row["sessionId"])
    with bench(tmp_path, world) as made:
        made.api.configure(date_filter=date_filter)
        lookback: dict[str, Any] = {"resources": ["conversations"], "lookback_days": 10}
        made.sync(**lookback)
        plain = flags_in(made)
        made.with_flags = True

        made.pipeline().run(chatislav(**made.arguments(lookback_days=10)))
        later = flags_in(made)
        idle = made.sync(**lookback)
        made.sync(start_date=made.start_date, end_date=TODAY)
        backfilled = made.differences()
        made.with_flags = False
        changed = world.conversations(101)[-1]["sessionId"]
        world.change(101, changed, helpful=1, touch=True)
        off = made.sync(**lookback)

        assert set(plain.values()) == {None}
        assert later == flags_of(made, days_ago(10), column)
        assert (idle.total("rows"), backfilled) == (0, [])
        assert off.total("rows") == 1
        assert flags_in(made) == flags_of(made, made.start_date, column) | {changed: None}
