"""The tables are exact, whichever limit ends a load package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.sandbox import World
from tests.exactness.truth import TODAY, Bench, bench, days_ago

pytestmark = pytest.mark.usefixtures("small_pages")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """A bot with 80 conversations over 8 days: each day is several small pages."""
    world = World.generate((101,), conversations=80, days=8, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(8)) as each:
        yield each


def test_newest_days_that_are_read_twice_fit_into_one_package(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.page_groups.GROUP_BYTES", 16_000)  # some pages

    report = made.sync(lookback_days=1)

    bodies = [request.body for request in made.api.requests if request.path == "/conversations"]
    first_pages_of_newest_days = [body for body in bodies if not {"to", "cursor"} & set(body or {})]
    assert len(first_pages_of_newest_days) == 2
    assert report.loads == 1
    assert made.differences() == []


def test_fetched_pages_are_loaded_while_few_requests_are_left(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.worker_pool.LULL_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.extract.load_limit.LEAST_PACKAGE_BYTES", 1)
    monkeypatch.setattr("chatislav_source.extract.load_limit.READ_PER_LOAD", 1e6)  # not for waiting
    made.api.settings.latency_seconds = 0.02

    report = made.sync()

    assert report.loads > 1
    assert made.differences() == []


def test_fetched_pages_are_loaded_while_responses_are_pending(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.worker_pool.LULL_SECONDS", 99.0)
    monkeypatch.setattr("chatislav_source.extract.load_limit.READ_PER_LOAD", 0.0)
    monkeypatch.setattr("chatislav_source.extract.load_limit.LEAST_WAITING_BYTES", 1)
    made.api.settings.latency_seconds = 0.3  # fetching takes longer than a load on any machine

    report = made.sync()

    assert report.loads > 1
    assert made.differences() == []


def test_after_a_run_that_did_not_end_each_page_is_loaded_even_without_rows(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.extract.load_limit.READ_PER_EAGER_LOAD", 0.0)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    made.sync()
    with pytest.raises(KeyboardInterrupt):
        made.sync(on_progress=interrupt)
    made.api.settings.latency_seconds = 0.05

    eager, calm = made.sync(), made.sync()

    assert (eager.total("rows"), eager.loads > 1) == (0, True)
    assert calm.loads == 1


@pytest.mark.slow
def test_the_next_load_is_sized_by_how_long_the_last_one_took(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    took: list[float] = []

    def starting(now: float, load_seconds: float | None) -> LoadLimit:
        took.append(load_seconds or 0.0)
        return LoadLimit(1, now + 10, now + 10)  # one page is enough

    monkeypatch.setattr("chatislav_source.runner.job.LoadLimit.starting", starting)
    made.api.settings.latency_seconds = 0.5
    report = made.sync(start_date=days_ago(2))

    first, *others = took
    assert (first, len(took)) == (0.0, report.loads + 1)
    assert min(others) > 0.05  # as no load of dlt takes less
    assert sum(others) < report.seconds - 0.5  # the wait for the first page is not load time


@pytest.fixture
def tiny_merged_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose rows may replace others has one group of a few pages."""
    monkeypatch.setattr("chatislav_source.extract.load_limit.MERGED_PACKAGE_BYTES", 1)
    monkeypatch.setattr("chatislav_source.extract.page_groups.GROUP_BYTES", 8_000)


@pytest.mark.usefixtures("tiny_merged_packages")
@pytest.mark.slow
def test_loads_that_may_replace_rows_are_smaller_than_first_loads(made: Bench) -> None:
    first = made.sync(lookback_days=1)
    for item in made.world.conversations(101):
        made.world.change(101, str(item["sessionId"]), channel="viber")

    again = made.sync(lookback_days=8)

    assert (first.loads, again.loads > 1) == (1, True)
    assert made.differences() == []


@pytest.mark.usefixtures("tiny_merged_packages")
@pytest.mark.slow
def test_a_backfill_is_loaded_in_the_smaller_packages(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that nothing is read twice
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 100)

    report = made.sync(end_date=days_ago(3))

    assert report.loads > 1
