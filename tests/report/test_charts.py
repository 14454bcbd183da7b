"""What the axes of the charts say."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from chatislav_source.report.charts import svg_of
from chatislav_source.report.sections.parts import Plot


def labels(unit: str, steps: list[date]) -> list[str]:
    """The labels of the axis of days or weeks."""
    rows = [{"day": f"{day}T00:00", "channel": "widget", "conversations": 3} for day in steps]
    return re.findall(r">(\d+ \w{3})<", svg_of(Plot("volume", rows, ("widget",), unit), 900))


@pytest.mark.parametrize("number", [8, 15, 59])
def test_no_day_after_the_last_is_on_the_axis_of_days(number: int) -> None:
    days = [date(2026, 11, 28) - timedelta(days=back) for back in reversed(range(number))]

    found = labels("Day", days)

    assert len(found) >= 4
    assert "29 Nov" not in found


def test_the_last_week_is_on_the_axis_of_weeks() -> None:
    found = labels("Week", [date(2026, 11, 2) + timedelta(weeks=week) for week in range(4)])

    assert found == ["2 Nov", "9 Nov", "16 Nov", "23 Nov"]
