"""The order in which the pages of open windows are requested."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.exactness.model import START, ModelApi, seeded
from tests.exactness.warehouse import Warehouse, complete_request


def test_windows_under_way_are_read_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 4)
    api = ModelApi(seeded(1))
    for days in range(30):
        for minute in range(20):
            api.add(START - timedelta(days=days, minutes=minute))
    partition, _ = Warehouse(api, (START - timedelta(days=40)).date()).begin()
    first, second = partition.next_request(), partition.next_request()
    for request in (first, second):
        complete_request(partition, request, api, seeded(2), failure=0)

    windows = []
    for _ in range(4):
        request = partition.next_request()
        windows.append(request.window)
        complete_request(partition, request, api, seeded(2), failure=0)

    assert first.window != second.window
    assert windows == [first.window, second.window] * 2
