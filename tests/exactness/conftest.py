"""Fixtures of the exactness tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_doubt_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused key that has worked is asked again at once."""
    monkeypatch.setattr("chatislav_source.api.api_keys.WAITS", (0.0,) * 5)


@pytest.fixture(autouse=True)
def _short_first_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few days are several windows, read in parallel."""
    monkeypatch.setattr("chatislav_source.streams.conversations.window_sizer.FIRST_WINDOW_DAYS", 1)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are many pages, and a few pages are many windows."""
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 4)
    monkeypatch.setattr("chatislav_source.streams.conversations.page.MIN_PAGE_SIZE", 2)
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MIN_PAGE_SIZE", 2)
    monkeypatch.setattr("chatislav_source.streams.conversations.window_sizer.ROWS_PER_WINDOW", 12)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, and a hanging request times out soon."""
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.005)
