"""Fixtures of the exactness tests."""

from __future__ import annotations

import pytest

from chatislav_source import settings


@pytest.fixture(autouse=True)
def _short_first_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few days are several windows, read beside each other."""
    monkeypatch.setattr(settings, "FIRST_WINDOW_DAYS", 1)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are many pages, and a few pages are many windows."""
    monkeypatch.setattr(settings, "MAX_PAGE_SIZE", 4)
    monkeypatch.setattr(settings, "MIN_PAGE_SIZE", 2)
    monkeypatch.setattr(settings, "ROWS_PER_WINDOW", 12)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, and a request that hangs is given up soon."""
    monkeypatch.setattr(settings, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(settings, "LONGEST_WAIT_SECONDS", 0.005)
