"""Listings that the API does not list to their end, and pages smaller than asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.date_window import DateWindow
from tests.exactness.model import START, ModelApi, seeded
from tests.exactness.warehouse import Disturbance, Warehouse, complete_request, run_sync

PATIENT = Disturbance()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    retries = "chatislav_source.streams.conversations.window_retries"
    monkeypatch.setattr(f"{retries}.MAX_PAGE_SIZE", 8)
    monkeypatch.setattr(f"{retries}.MIN_PAGE_SIZE", 2)
    monkeypatch.setattr(f"{retries}.DEEP_ROWS", 16)


def api_with(per_day: int, days: int, first: int = 0, **settings: int) -> ModelApi:
    """Conversations on each of `days` days, of which the last is `first` days ago."""
    api = ModelApi(seeded(1), **settings)  # type: ignore[arg-type]
    for day in range(first, first + days):
        for number in range(per_day):
            api.add(START - timedelta(days=day, minutes=number))
    return api


@pytest.mark.parametrize("status", [500, 400])
@pytest.mark.parametrize(
    ("per_day", "is_filtered"),
    [
        pytest.param(20, False, id="smaller windows"),
        pytest.param(120, True, id="channels"),
        pytest.param(300, True, id="resolution statuses"),
    ],
)
def test_a_listing_that_fails_at_some_depth_is_read_by_its_parts(
    status: int, per_day: int, is_filtered: bool
) -> None:
    api = api_with(per_day, 2, first=40, depth=40, depth_status=status)
    requests: list[PageRequest] = []
    api.before_page = requests.append
    warehouse = Warehouse(api, (START - timedelta(days=60)).date())

    assert run_sync(warehouse, seeded(2), PATIENT)

    assert warehouse.differences() == []
    assert any(request.window.is_filtered for request in requests) == is_filtered


@pytest.mark.parametrize("status", [500, 400])
def test_the_newest_days_may_have_more_conversations_than_a_listing(status: int) -> None:
    api = api_with(120, 3, depth=40, depth_status=status)
    warehouse = Warehouse(api, (START - timedelta(days=5)).date())

    assert run_sync(warehouse, seeded(2), PATIENT)

    assert warehouse.differences() == []


def test_a_run_that_is_killed_while_it_reads_channels_continues_without_loss() -> None:
    for killed_after in (30, 60, 100, 150, 200):
        api = api_with(90, 2, first=40, depth=40)
        warehouse = Warehouse(api, (START - timedelta(days=60)).date())

        run_sync(warehouse, seeded(2), Disturbance(killed_after=killed_after))

        assert run_sync(warehouse, seeded(3), PATIENT)
        assert warehouse.differences() == []


def test_what_may_be_missing_when_channels_are_read_is_said_once() -> None:
    api = api_with(120, 1, first=40, depth=40)
    warehouse = Warehouse(api, (START - timedelta(days=60)).date())
    partition, _ = warehouse.begin()
    day = DateWindow((START - timedelta(days=40)).date(), (START - timedelta(days=40)).date())

    run_sync_of(partition, api)

    said = [text for text in partition.warnings if f"conversations of {day} at once" in text]
    assert len(said) == len(partition.warnings) == 1


def run_sync_of(partition: ConversationsPartition, api: ModelApi) -> None:
    """Read everything, one request after the other."""
    while (request := partition.next_request()) is not None:
        complete_request(partition, request, api, seeded(2), failure=0)


@pytest.mark.parametrize("served", [3, 8])
def test_an_api_that_serves_smaller_pages_gets_no_more_requests_than_it_must(served: int) -> None:
    api = ServesFewer(seeded(1))
    api.served = served
    for number in range(60):
        api.add(START - timedelta(days=40, minutes=number))
    requests: list[PageRequest] = []
    api.before_page = requests.append
    partition, _ = Warehouse(api, (START - timedelta(days=60)).date()).begin()

    run_sync_of(partition, api)

    assert partition.done
    read = [request for request in requests if request.window.contains(DAY)]
    assert len(read) == -(-60 // served)


DAY = (START - timedelta(days=40)).date()


class ServesFewer(ModelApi):
    """An API that serves at most `served` conversations a page."""

    served = 3

    def page(self, request: PageRequest) -> dict[str, Any]:
        """The response to a request for a smaller page."""
        return super().page(replace(request, limit=min(request.limit, self.served)))
