"""The estimate of a dry run: what a sync then reads, found out with at most 30 requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from typing import Any

import dlt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source import UnexpectedResponseError, sync
from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.configured import sync_config
from chatislav_source.runner.resources import STREAMS
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.runner.upkeep.estimate import MOST_REQUESTS, Estimate, Known, estimate
from chatislav_source.runner.upkeep.rehearsal import made_up, parts_of, totals_in
from chatislav_source.sandbox import SANDBOX_KEY, Answer, Sandbox, World
from chatislav_source.streams.date_window import DateWindow
from tests.conftest import TODAY, days_ago
from tests.default_suite import mostly_slow

FIRST_DAY = date(2026, 1, 1)


def estimated(api: Sandbox, known: Known | None = None, **given: Any) -> Estimate:
    """The estimate of a sync."""
    config = sync_config("any", **arguments(api, **given))
    limiter = RateLimiter(config.max_concurrency)
    with ChatislavClient(config.base_url, config.keys, limiter) as client:
        return estimate(client, config, given.get("resources", STREAMS), known or Known())


def arguments(api: Sandbox, **given: Any) -> Any:
    """The arguments of a sync of all bots."""
    given.pop("resources", None)
    bots = sorted(api.world.bots)
    return {"bot_ids": bots, "api_key": SANDBOX_KEY, "base_url": api.base_url} | given


WORLDS = {
    "few conversations": {"bot_ids": (101,), "conversations": 20},
    "many conversations": {"bot_ids": (101,), "conversations": 4_000, "messages": 1},
    "three bots": {"bot_ids": (101, 102, 103), "conversations": 300, "messages": 2},
    "empty": {"bot_ids": (101,), "conversations": 0},
    "long conversations": {"bot_ids": (101,), "conversations": 300, "messages": 40},
}


def holds(new_pipeline: Callable[..., dlt.Pipeline], shape: str, days: int) -> None:
    """Assert that a first sync of so many days reads what was estimated."""
    shape_of: dict[str, Any] = WORLDS[shape]
    world = World.generate(days=days, last_day=TODAY, seed=5, **shape_of)
    given = {"start_date": days_ago(days), "guardrail_flags": shape == "three bots"}
    with Sandbox(world) as api:
        found = estimated(api, **given)
        assert api.count() == found.asked <= MOST_REQUESTS
        api.reset_counts()
        report = sync(new_pipeline(), **arguments(api, **given))

        assert found.requests == pytest.approx(api.count(), rel=0.25)
        assert found.rows == report.total("rows") + report.total("messages")


@pytest.mark.parametrize("shape", mostly_slow(WORLDS, "three bots", "empty"))
def test_a_sync_reads_what_was_estimated(
    new_pipeline: Callable[..., dlt.Pipeline], shape: str
) -> None:
    holds(new_pipeline, shape, days=20)


@pytest.mark.slow
@pytest.mark.parametrize("shape", WORLDS)
def test_a_sync_of_a_year_reads_what_was_estimated(
    new_pipeline: Callable[..., dlt.Pipeline], shape: str
) -> None:
    holds(new_pipeline, shape, days=365)


def test_the_time_follows_the_rate_and_the_time_of_a_request(api: Sandbox) -> None:
    given: dict[str, Any] = {"start_date": days_ago(60)}
    plain = estimated(api, **given)
    limited = estimated(api, **given, requests_per_second=0.5)
    api.configure(latency_seconds=0.05)
    slow = estimated(api, **given, max_concurrency=1)

    assert plain.minutes < 0.2
    assert limited.minutes == pytest.approx(limited.requests / 0.5 / 60, abs=0.1)
    assert slow.minutes >= slow.requests * 0.05 / 60


def test_analytics_alone_are_timed_with_one_request(api: Sandbox) -> None:
    api.configure(latency_seconds=0.1)

    found = estimated(api, start_date=days_ago(60), resources=["analytics"], max_concurrency=1)

    assert (found.asked, found.requests) == (1, 3 * 61 + 1)
    assert found.minutes >= 3 * 61 * 0.1 / 60


def test_periods_are_estimated_with_those_that_are_final_left_out(
    new_pipeline: Callable[..., dlt.Pipeline],
) -> None:
    world = World.generate((101,), conversations=20, days=40, last_day=TODAY)
    given: dict[str, Any] = {"start_date": days_ago(40), "resources": ["analytics"]}
    given["analytics_periods"] = ["week", "last_28_days"]
    with Sandbox(world) as api:
        first = estimated(api, **given)
        pipeline = new_pipeline()
        report = sync(pipeline, **arguments(api, **given), resources=["analytics"])
        later = estimated(api, Known(days={101: StoredTables(pipeline).days(101)}), **given)
        again = sync(pipeline, **arguments(api, **given), resources=["analytics"])

    assert first.bots[0].analytics_periods == report.total("periods")
    assert first.requests == report.total("requests")
    assert later.requests == again.total("requests")
    assert later.bots[0].analytics_days == 8
    assert 8 < later.bots[0].analytics_periods < 12


def test_many_bots_are_estimated_by_some_of_them() -> None:
    world = World.generate(tuple(range(1, 41)), conversations=10, days=9, last_day=TODAY)
    with Sandbox(world) as api:
        found = estimated(api, start_date=days_ago(9), resources=["conversations"])

    assert found.asked <= MOST_REQUESTS == 30
    assert found.bots[-1].conversations == pytest.approx(10, abs=1)
    assert sum(bot.analytics_days for bot in found.bots) == 0


def test_days_before_the_retention_are_not_estimated_and_the_start_date_is_said_to_move(
    api: Sandbox,
) -> None:
    given: dict[str, Any] = {"bot_ids": [101], "retention_days": 10, "lookback_days": 3}

    sync_of_all = estimated(api, start_date=days_ago(60), **given)
    backfill = estimated(api, start_date=days_ago(60), end_date=days_ago(5), **given)
    nothing = estimated(api, start_date=days_ago(60), end_date=days_ago(20), **given)

    assert [each.bots[0].first_day for each in (sync_of_all, backfill, nothing)] == [
        days_ago(13),
        days_ago(13),
        None,
    ]
    assert nothing.bots[0].conversations == 0
    for each in (sync_of_all, backfill, nothing):
        assert f"loading of conversations begins at {days_ago(10)}" in each.notes[0]
    assert estimated(api, bot_ids=[101], start_date=days_ago(60)).notes == []


def test_a_backfill_is_of_its_days(api: Sandbox) -> None:
    given = {"start_date": days_ago(20), "end_date": days_ago(11)}

    found = estimated(api, bot_ids=[101], **given)

    (bot,) = found.bots
    assert (bot.first_day, bot.last_day) == (days_ago(20), days_ago(11))
    assert bot.analytics_days == 10


def test_totals_that_are_not_there_are_an_error(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.001)
    api.answer_next(*[Answer(body={"analytics": {}}) for _ in range(8)])

    with pytest.raises(UnexpectedResponseError, match="no totals"):
        estimated(api, start_date=days_ago(9))


@given(st.integers(1, 400), st.integers(1, 8))
def test_parts_cover_every_day_once(days: int, parts: int) -> None:
    window = DateWindow(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1))

    found = parts_of(window, parts)

    assert len(found) == min(days, parts)
    assert sum(part.days for part in found) == days
    assert (found[0].first_day, found[-1].last_day) == (window.first_day, window.last_day)


def test_totals_of_a_window_are_those_of_its_days() -> None:
    first, second = parts_of(DateWindow(FIRST_DAY, FIRST_DAY + timedelta(days=9)), 2)
    density = {first: (2.0, 4.0), second: (10.0, 0.0)}

    window = DateWindow(FIRST_DAY + timedelta(days=4), None)

    assert totals_in(window, density, FIRST_DAY + timedelta(days=6)) == (2 + 2 * 10, 4)


def test_made_up_pages_have_conversations_of_their_own() -> None:
    keys = count()

    first, second = made_up(3, True, keys), made_up(2, False, keys)

    assert not {*first.keys} & {*second.keys}
    assert (first.has_more, bool(first.next_token)) == (True, True)
    assert (second.has_more, second.next_token) == (False, None)
