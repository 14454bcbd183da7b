"""The totals of periods equal what the sandbox counts, in any zone, also what does not add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from chatislav_source.config import ANALYTICS_PERIODS
from chatislav_source.records.periods.table import ANALYTICS_PERIODS as PERIODS_TABLE
from chatislav_source.records.schema import ANALYTICS
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import World
from chatislav_source.sandbox.world.bot import Bot
from chatislav_source.streams.analytics.periods import TRAILING_DAYS
from tests.default_suite import mostly_slow
from tests.exactness.truth import (
    DATASET,
    TODAY,
    Bench,
    Rows,
    bench,
    days_ago,
    differences,
    stored,
    totals_row,
)

BOT = 101
DAYS = 220  # with a change of the clock in Belgrade, whatever the day of the test
EVERY = list(ANALYTICS_PERIODS)


def world_of(days: int, conversations: int) -> World:
    """One bot whose contacts come back on several days."""
    return World.generate(
        (BOT,), conversations=conversations, days=days, last_day=TODAY, messages=2, seed=5
    )


def period_rows(made: Bench, zone: str, names: list[str], first_day: date) -> Rows:
    """The rows that the periods of the days from `first_day` must become."""
    today = datetime.now(ZoneInfo(zone)).date()
    rows: Rows = {}
    days = [first_day + timedelta(days=n) for n in range((today - first_day).days + 1)]
    for bot_id, day, name in product(made.bot_ids, days, names):
        first, last = borders(name, day)
        row = period_row(made.world.bots[bot_id], name, first, last, zone)
        rows[bot_id, name, first, "all", zone] = row
    return rows


def borders(name: str, day: date) -> tuple[date, date]:
    """The first and last day of a period, found by counting from day to day."""
    if name in TRAILING_DAYS:
        return day - timedelta(days=TRAILING_DAYS[name] - 1), day
    part = {
        "week": lambda each: each.isocalendar()[:2],
        "month": lambda each: (each.year, each.month),
        "quarter": lambda each: (each.year, (each.month + 2) // 3),
    }[name]
    near = [day + timedelta(days=n) for n in range(-95, 96)]
    same = [each for each in near if part(each) == part(day)]
    return same[0], same[-1]


def period_row(bot: Bot, name: str, first: date, last: date, zone: str) -> dict[str, Any]:
    """The row of one period over all channels; `is_final` by the default lookback."""
    today = datetime.now(ZoneInfo(zone)).date()
    start, end = (midnight(day, zone) for day in (first, last + timedelta(days=1)))
    return totals_row(bot, start, end) | {
        "period": name,
        "start_date": first,
        "end_date": last,
        "timezone": zone,
        "is_final": last < today - timedelta(days=7),
    }


def midnight(day: date, zone: str) -> int:
    """The begin of a day in a zone, in microseconds since 1970."""
    moment = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(moment.astimezone(UTC).timestamp()) * 1_000_000


def analytics(made: Bench, **given: Any) -> SyncReport:
    """A sync of analytics only."""
    return made.sync(resources=["analytics"], **given)


def found_differences(made: Bench, zone: str, names: list[str], first_day: date) -> list[str]:
    """The differences of `analytics_periods` from the sandbox's data."""
    rows = stored(made.database, PERIODS_TABLE)
    return differences(PERIODS_TABLE, rows, period_rows(made, zone, names, first_day))


@pytest.mark.parametrize("zone", mostly_slow(["Europe/Belgrade", "Asia/Tokyo"], "Europe/Belgrade"))
def test_totals_of_periods_are_exact_in_a_zone_over_changes_of_the_clock(
    tmp_path: Path, zone: str
) -> None:
    names = ["week", "month", "quarter", "last_28_days"]
    start = days_ago(DAYS)
    with bench(tmp_path, world_of(DAYS + 120, 900), start_date=start) as made:
        report = analytics(made, timezone=zone, analytics_periods=names)

        assert report.complete
        assert found_differences(made, zone, names, start) == []
        rows = stored(made.database, PERIODS_TABLE)
        (part,) = report.resources
        assert (part.periods, part.rows) == (len(rows), len(stored(made.database, ANALYTICS)))
        assert made.api.count() == report.total("requests")
        assert contacts_do_not_add_up(made)


def contacts_do_not_add_up(made: Bench) -> bool:
    """Whether a final week has fewer contacts than its days have in all."""
    query = f"""
    SELECT any_value(p.conversations__unique_contacts) < sum(a.conversations__unique_contacts)
    FROM {DATASET}.analytics_periods p JOIN {DATASET}.analytics a
      ON a.date BETWEEN p.start_date AND p.end_date
    WHERE p.period = 'month' AND p.is_final GROUP BY p.start_date
    """
    with duckdb.connect(str(made.database), read_only=True) as connection:
        return (True,) in connection.execute(query).fetchall()


def test_a_sync_with_nothing_new_asks_only_for_periods_that_are_not_final(tmp_path: Path) -> None:
    start = days_ago(40)
    with bench(tmp_path, world_of(45, 60), start_date=start) as made:
        analytics(made)
        with duckdb.connect(str(made.database), read_only=True) as connection:
            tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        assert (PERIODS_TABLE.name,) not in tables

        first = analytics(made, analytics_periods=EVERY)
        rows = stored(made.database, PERIODS_TABLE)
        current = [row for row in rows if not row["is_final"]]
        before = made.api.count()

        idle = analytics(made, analytics_periods=EVERY)

        assert first.total("periods") == len(rows)
        assert idle.complete
        assert (idle.total("periods"), idle.total("rows")) == (0, 0)
        assert idle.total("unchanged") == len(current) + 8
        assert made.api.count() - before == idle.total("requests") == len(current) + 8 + 1
        assert stored(made.database, PERIODS_TABLE) == rows

        made.world.add_conversation(BOT)
        changed = analytics(made, analytics_periods=EVERY)

        with_today = [row for row in current if row["end_date"] >= TODAY]
        assert changed.total("periods") == len(with_today) == 5
        assert found_differences(made, "UTC", EVERY, start) == []


@pytest.mark.slow
def test_restated_days_are_in_the_periods_that_are_current_and_in_others_after_a_backfill(
    tmp_path: Path,
) -> None:
    start, day = days_ago(60), days_ago(30)
    with bench(tmp_path, world_of(65, 60), start_date=start) as made:
        analytics(made, analytics_periods=EVERY)
        before = {key: row for key, row in totals(made).items() if key[1] <= day <= key[2]}
        made.api.configure(analytics_restated={str(day): 5})
        analytics(made, analytics_periods=EVERY)
        made.sync(resources=["analytics"], start_date=day, end_date=day, analytics_periods=EVERY)

        after = {key: row for key, row in totals(made).items() if key[1] <= day <= key[2]}

        assert after == {key: count + 5 for key, count in before.items()}


def totals(made: Bench) -> dict[tuple[str, date, date], int]:
    """The conversations of each period, by its name, first and last day."""
    rows = stored(made.database, PERIODS_TABLE)
    return {
        (row["period"], row["start_date"], row["end_date"]): row["conversations__total"]
        for row in rows
    }


@pytest.mark.slow
def test_a_period_that_cannot_be_loaded_is_rejected_and_loaded_when_it_can(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, world_of(10, 20), start_date=days_ago(3)) as made:
        made.api.configure(bad_analytics=[str(days_ago(27))])
        bad = analytics(made, analytics_periods=["last_28_days"])
        with duckdb.connect(str(made.database), read_only=True) as connection:
            query = f"SELECT resource, date, period, channel FROM {DATASET}.rejected"
            rejected = connection.execute(query).fetchall()
        made.api.configure(bad_analytics=[])

        good = analytics(made, analytics_periods=["last_28_days"])

        assert (bad.complete, bad.total("rejected")) == (True, 1)
        assert rejected == [("analytics", days_ago(27), "last_28_days", "all")]
        assert good.total("rejected") == 0
        assert found_differences(made, "UTC", ["last_28_days"], days_ago(3)) == []
