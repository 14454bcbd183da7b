"""The definitions of the metrics: they run, and the page shows them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.views.conftest import Ask
from tests.views.metrics_page import DEFINITIONS, METRICS, PAGE, VALUES, page

SHARES = ("_rate", "_share", "csat", "coverage")


def test_the_page_is_rendered_from_the_definitions() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.views.metrics_page"


def test_there_are_25_metrics_each_defined_once() -> None:
    assert [metric["number"] for metric in DEFINITIONS["metrics"]] == list(range(1, 26))
    assert len({metric["title"] for metric in METRICS}) == len(METRICS)
    assert len({value["name"] for value in VALUES}) == len(VALUES)
    assert all(metric["definition"].endswith(".") for metric in METRICS)


def test_three_resolution_rates_are_told_apart_by_name() -> None:
    names = {value["name"] for value in VALUES if value["name"].startswith("resolution_rate_")}

    assert {"resolution_rate_decided", "resolution_rate_all", "resolution_rate_api"} <= names
    assert "resolution_rate" not in {value["name"] for value in VALUES}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value["name"])
def test_a_value_is_computed_from_its_definition(ask: Ask, value: dict[str, Any]) -> None:
    source = f"FROM {value['model']} WHERE {value.get('where', 'true')}"
    if "percentiles" in value:
        ((found,),) = ask(f"SELECT median({value['column']}) {source}")
        assert found > 0
        return
    ((top,),) = ask(f"SELECT {value['numerator']} {source}")
    ((bottom,),) = ask(f"SELECT {value.get('denominator', '1')} {source} LIMIT 1")

    assert top > 0
    assert bottom > 0
    if any(word in value["name"] for word in SHARES):
        assert top <= bottom


def test_what_does_not_add_up_is_never_summed() -> None:
    sums = [part for value in VALUES for part in (value.get("numerator"), value.get("denominator"))]

    assert [part for part in sums if part and re.search(r"sum\(\s*day_", part)] == []
