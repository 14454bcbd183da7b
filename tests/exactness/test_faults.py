"""Faults of every kind cause retries and lose no row; endless faults fail only their own bot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatislav_source import AuthenticationError
from chatislav_source.sandbox import SANDBOX_KEY, World
from chatislav_source.sandbox.settings import FAULT_KINDS
from tests.default_suite import mostly_slow
from tests.exactness.truth import TODAY, Bench, bench, days_ago

pytestmark = pytest.mark.usefixtures("short_waits", "small_pages")
OTHER_KEY = "chsk_live_other"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """Two bots with 30 conversations each over 8 days, in small pages; faults take no time."""
    world = World.generate((101, 102), conversations=30, days=8, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(8)) as each:
        each.api.configure(
            hang_seconds=0.02, slow_seconds=0.01, retry_after_seconds=0.0, page_order="shuffled"
        )
        yield each


def needed(made: Bench) -> int:
    """The requests that a sync without faults needs, counted in another folder."""
    folder = made.folder / "undisturbed"
    folder.mkdir()
    Bench(made.api, folder, made.bot_ids, made.start_date, "undisturbed").sync()
    count = made.api.count()
    made.api.reset_counts()
    return count


def faults(share: float, *kinds: str) -> dict[str, float]:
    """Every kind (or those given), so that about this share of all requests fails."""
    names = kinds or FAULT_KINDS
    return dict.fromkeys(names, share / len(names))


@pytest.mark.parametrize("share", mostly_slow([0.1, 0.25], 0.25))
def test_faults_of_all_kinds_cause_retries_and_lose_no_row(made: Bench, share: float) -> None:
    undisturbed = needed(made)
    made.api.configure(faults=faults(share))

    report = made.sync()

    assert report.errors == []
    assert made.differences() == []
    assert made.analytics_differences(made.start_date) == []
    assert made.api.count() <= undisturbed / (1 - share) * 1.5


@pytest.mark.parametrize("kind", mostly_slow(["500", "reset", "wrong_shape"], "wrong_shape"))
def test_a_bot_with_endless_faults_is_reported_and_delays_no_other(made: Bench, kind: str) -> None:
    made.api.configure(faults={kind: 1.0}, fault_bots={101})

    report = made.sync()

    assert len(report.errors) == 2
    assert all("101" in error for error in report.errors)
    assert str(TODAY.year) in report.errors[0], "the window is named"
    assert {part.bot_id for part in report.resources if part.complete} == {102}
    assert made.differences([102]) == []
    made.api.configure(faults={})
    assert made.sync().complete
    assert made.differences() == []


@pytest.mark.slow
@pytest.mark.parametrize("path", mostly_slow(["/conversations", "/analytics"], "/analytics"))
def test_an_endpoint_with_endless_faults_delays_no_other(made: Bench, path: str) -> None:
    made.api.configure(faults={"500": 1.0}, fault_paths={path})

    report = made.sync()

    failed = {part.resource for part in report.resources if not part.complete}
    assert failed == {path.removeprefix("/")}
    made.api.configure(faults={})
    assert made.sync().complete
    assert made.differences() == []
    assert made.analytics_differences(made.start_date) == []


@pytest.mark.parametrize("status", mostly_slow([401, 403], 401))
def test_a_key_revoked_midway_stops_the_run_and_loses_nothing(made: Bench, status: int) -> None:
    made.api.configure(auth_failure_status=status, revoke_all_after_requests=20)

    with pytest.raises(AuthenticationError):
        made.sync()

    assert made.api.count() < 20 + 20
    made.api.configure(revoke_all_after_requests=None)
    assert made.sync().complete
    assert made.differences() == []
    assert made.analytics_differences(made.start_date) == []


def test_the_secondary_key_is_used_when_the_first_is_revoked_midway(made: Bench) -> None:
    made.api.api_keys.add(OTHER_KEY)
    made.api.configure(revoke_all_after_requests=15, still_valid_keys={OTHER_KEY})

    report = made.sync(secondary_api_key=OTHER_KEY)

    assert report.complete
    assert made.differences() == []
    assert made.api.requests[-1].key_prefix == OTHER_KEY[:14]
    assert SANDBOX_KEY not in str(report.as_dict())


@pytest.mark.parametrize("status", mostly_slow([403, 404, 500], 404))
@pytest.mark.slow
def test_a_bot_that_is_refused_or_unknown_has_its_error_and_the_others_are_complete(
    made: Bench, status: int
) -> None:
    made.api.configure(bot_status={101: status})

    report = made.sync()

    assert {part.bot_id for part in report.resources if part.error} == {101}
    assert made.differences([102]) == []
    made.api.configure(bot_status={})
    assert made.sync().complete
    assert made.differences() == []


def test_a_bot_that_is_forbidden_at_one_endpoint_is_complete_at_the_other(made: Bench) -> None:
    made.api.configure(bot_status={101: 403}, bot_status_paths={"/analytics"})

    report = made.sync()

    (failed,) = [part for part in report.resources if not part.complete]
    assert (failed.bot_id, failed.resource) == (101, "analytics")
    assert "here (HTTP 403)" in str(failed.error)
    assert made.differences() == []


def test_pages_that_are_too_large_are_read_in_smaller_ones(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 100)
    made.api.configure(largest_good_limit=50)

    report = made.sync()

    assert report.complete
    assert made.differences() == []
    assert {(record.body or {}).get("limit") for record in made.api.requests} >= {100, 50}


@pytest.mark.slow
def test_a_first_run_of_a_workspace_without_data_is_complete(tmp_path: Path) -> None:
    world = World.generate((101,), conversations=0)
    with bench(tmp_path, world) as empty:
        report = empty.sync()

        assert report.complete
        assert empty.differences() == []
        world.add_conversation(101)
        empty.sync()
        assert empty.differences() == []


@pytest.mark.slow
def test_a_bot_added_later_is_loaded_from_the_start_date(made: Bench) -> None:
    made.sync(bot_ids=[101])

    made.sync(bot_ids=[101, 102])

    assert made.differences() == []
