"""Which days are read again, within the budget."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.proof.absences import absence
from chatislav_source.proof.heal_plan import RADIUS_DAYS, Costs, days_to_heal, next_repair
from chatislav_source.proof.reconciliation import (
    Comparison,
    is_stored,
    with_history,
)
from chatislav_source.streams.date_window import DateWindow

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAY = date(2026, 6, 10)
LAST_DAY = date(2026, 6, 30)


def row(day: date = DAY, status: Any = "missing", **fields: Any) -> Comparison:
    return Comparison(
        7,
        day,
        "all",
        fields.pop("metric", "m"),
        "UTC",
        5.0,
        4.0,
        -1.0,
        "w",
        status,
        NOW,
        NOW,
        **fields,
    )


def test_days_with_fewer_attempts_come_first_then_newer_ones() -> None:
    rows = [
        row(date(2026, 6, 1), heal_attempts=1),
        row(date(2026, 6, 2)),
        row(date(2026, 6, 3)),
        row(date(2026, 6, 4), heal_attempts=3),
        row(date(2026, 6, 5), "equal"),
        row(date(2026, 6, 6), metric="absent__a"),
    ]

    days = days_to_heal(rows)

    assert list(days.items()) == [
        (date(2026, 6, 3), 0),
        (date(2026, 6, 2), 0),
        (date(2026, 6, 1), 1),
    ]


def test_each_attempt_reads_more_days_around() -> None:
    widths = []
    for tries in range(3):
        repair = next_repair({DAY: tries}, LAST_DAY, 1000, Costs(1, lambda _: 0))
        assert repair
        widths.append((DAY - repair.window.first_day).days)

    assert tuple(widths) == RADIUS_DAYS


@given(
    offsets=st.sets(st.integers(0, 40), min_size=1, max_size=12),
    tries=st.integers(0, 2),
    budget=st.integers(0, 20),
    channels=st.integers(1, 9),
    per_day=st.integers(0, 900),
    with_flags=st.booleans(),
)
def test_no_repair_costs_more_than_the_budget(
    offsets: set[int], tries: int, budget: int, channels: int, per_day: int, with_flags: bool
) -> None:
    def rows_in(window: DateWindow) -> int:
        return per_day * window.days

    days = {LAST_DAY - timedelta(days=n): tries for n in offsets}

    costs = Costs(channels, rows_in, with_flags)

    repair = next_repair(days, LAST_DAY, budget, costs)

    if repair:
        assert costs.of(repair) <= budget
        assert with_flags == (costs.of(repair) > Costs(channels, rows_in).of(repair))
        assert set(repair.days) <= set(days)
        assert all(repair.window.contains(day) for day in repair.days)
        assert repair.window.last_day
        assert repair.window.last_day <= LAST_DAY


def test_what_is_too_large_for_the_budget_is_not_read() -> None:
    assert next_repair({DAY: 0}, LAST_DAY, 20, Costs(1, lambda window: 5000 * window.days)) is None


def test_an_attempt_that_helps_is_noted_and_a_new_difference_starts_anew() -> None:
    later = NOW + timedelta(hours=1)
    before = row(heal_attempts=1)
    (better,) = with_history([row(status="equal")], {before.key: before}, later)
    (worse,) = with_history([row()], {better.key: better}, later + timedelta(hours=1))

    assert (better.healed_at, better.heal_attempts) == (later, 1)
    assert (worse.healed_at, worse.heal_attempts) == (None, 0)


def test_a_row_is_written_only_if_more_than_its_check_has_changed() -> None:
    before = row()

    (same,) = with_history([row()], {before.key: before}, NOW + timedelta(days=1))

    assert is_stored(same, before)
    assert not is_stored(row(status="equal"), before)
    assert not is_stored(row(), None)


def test_the_second_absence_counts_on_another_day_only() -> None:
    first = absence(row(), "s", None, False, NOW)
    assert first
    same_day = absence(row(), "s", first, False, NOW + timedelta(hours=2))
    next_day = absence(row(), "s", first, False, NOW + timedelta(days=1))
    back = absence(row(), "s", first, True, NOW + timedelta(days=1))

    assert not first.is_deletion
    assert same_day == first
    assert next_day
    assert next_day.is_deletion
    assert back
    assert back.status == "equal"
    assert absence(row(), "s", None, True, NOW) is None
