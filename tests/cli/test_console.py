"""Text output: instants in UTC, durations in the largest unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatislav_source.cli import console


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (90 * 86_400, "90 d"),
        (-5, "-5 s"),
    ],
)
def test_a_duration_has_the_largest_unit_that_fits(seconds: int | None, text: str) -> None:
    assert console.duration(seconds) == text


def test_an_instant_is_shown_in_utc() -> None:
    noon = datetime(2026, 6, 23, 12, tzinfo=timezone(timedelta(hours=2)))

    assert console.moment(noon) == console.moment(noon.astimezone(UTC)) == "2026-06-23 10:00 UTC"
    assert console.moment(None) == "never"
