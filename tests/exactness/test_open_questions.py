"""Tables are exact for each behaviour the documentation leaves open; the date filter is proven."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from chatislav_source.sandbox import World
from tests.default_suite import mostly_slow
from tests.exactness.model import seeded
from tests.exactness.truth import TODAY, Bench, bench, days_ago

pytestmark = pytest.mark.usefixtures("short_waits")

SHAPES = ("naive", "z", "offset", "microseconds", "mixed")
ORDERS = (
    "newest_activity",
    "oldest_activity",
    "newest_created",
    "oldest_created",
    "session_id",
    "shuffled",
)
FILTERS = ("activity", "created")
FAST = ("created", "mixed")
COMBINATIONS = [
    pytest.param(
        date_filter,
        ORDERS[(n + shift) % 6],
        shape,
        (-1) ** n,
        id=f"{date_filter} {shape}",
        marks=() if (date_filter, shape) == FAST else pytest.mark.slow,
    )
    for shift, date_filter in enumerate(FILTERS)
    for n, shape in enumerate(SHAPES)
] + [
    pytest.param("activity", "session_id", "naive", 1, id="activity by session_id"),
    pytest.param(
        *("created", "newest_activity", "naive", -1),
        id="created, newest_activity",
        marks=pytest.mark.slow,
    ),
]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """A bot with 80 conversations over 10 days; some come back days later."""
    world = World.generate((101,), conversations=80, days=10, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(10)) as each:
        yield each


@pytest.fixture
def long(tmp_path: Path) -> Iterator[Bench]:
    """A bot with 200 conversations over 38 days, more than the longest lookback."""
    world = World.generate((101,), conversations=200, days=38, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(40)) as each:
        yield each


@pytest.mark.parametrize(("date_filter", "order", "shape", "direction"), COMBINATIONS)
def test_every_filter_order_shape_and_clock_is_exact(
    made: Bench, date_filter: str, order: str, shape: str, direction: int
) -> None:
    random = seeded(1)
    made.api.configure(
        date_filter=date_filter,
        page_order=order,
        timestamps=shape,
        clock_offset_seconds=direction * 600.0,
    )
    made.sync()
    for kind in ("new_conversation", "new_message", "new_message"):
        if kind == "new_conversation" or date_filter == "activity":
            made.world.mutate(kind, random, 101)
    for recent in [row for row in made.world.conversations(101) if is_recent(row)][:3]:
        made.world.change(101, recent["sessionId"], resolutionStatus="unresolved", helpful=0)

    report = made.sync()

    assert report.complete
    assert made.differences() == []


def is_recent(row: dict[str, object]) -> bool:
    """Whether both of its dates are in every lookback."""
    return str(row["createdAt"]) >= str(days_ago(1)) and str(row["lastActivity"]) >= str(
        days_ago(1)
    )


def test_naive_dates_of_another_zone_are_exact_if_the_zone_is_configured(made: Bench) -> None:
    zone = "Asia/Kolkata"  # without daylight saving time, whose repeated hour is ambiguous
    made.api.configure(naive_timezone=zone)

    made.sync(api_timezone=zone)

    assert made.differences() == []


@pytest.mark.parametrize(
    ("date_filter", "days"), mostly_slow([("activity", 2), ("created", 30)], ("activity", 2))
)
def test_the_date_filter_is_stored_and_only_activity_shortens_the_lookback(
    long: Bench, date_filter: str, days: int
) -> None:
    long.api.configure(date_filter=date_filter)
    long.sync()
    long.sync()
    long.api.reset_counts()

    long.sync()

    assert long.states()["101"]["date_filter"] == date_filter
    assert first_day_requested(long) in (days_ago(days), days_ago(days + 1))


def first_day_requested(made: Bench) -> date:
    """The earliest `from` of a request for conversations."""
    bodies = [record.body for record in made.api.requests if record.path == "/conversations"]
    return min(date.fromisoformat(body["from"]) for body in bodies if body)


@pytest.mark.slow
def test_without_proof_the_date_filter_is_unknown_and_the_lookback_long(tmp_path: Path) -> None:
    world = World.generate((101,), conversations=80, days=20, last_day=TODAY, messages=1)
    with bench(tmp_path, world, start_date=days_ago(39)) as made:
        made.sync()
        made.sync()
        made.api.reset_counts()

        made.sync()

        assert made.states()["101"]["date_filter"] == "unknown"
        assert first_day_requested(made) in (days_ago(30), days_ago(31))


@pytest.mark.parametrize("clock", mostly_slow([-600.0, 600.0], 600.0))
@pytest.mark.slow
def test_conversations_touched_while_they_are_read_are_no_proof(
    tmp_path: Path, clock: float
) -> None:
    world = World.generate((101,), conversations=80, days=20, last_day=TODAY, messages=1)
    with bench(tmp_path, world, start_date=days_ago(39)) as made:
        made.api.configure(
            date_filter="created", churn={"new_message": 1.0}, clock_offset_seconds=clock
        )

        for _ in range(3):
            made.sync()

        assert made.states()["101"]["date_filter"] != "activity"


@pytest.mark.slow
def test_each_bot_has_its_own_date_filter(tmp_path: Path) -> None:
    world = World.generate((101,), conversations=200, days=30, last_day=TODAY, messages=3)
    for _ in range(3):
        world.put(102, world.conversations(101)[0] | {"botId": 102, "lastActivity": None})
    with bench(tmp_path, world) as made:
        made.sync()

        verdicts = {bot: known["date_filter"] for bot, known in made.states().items()}
        assert verdicts == {"101": "activity", "102": "unknown"}
