"""The pages of the reference say what the code is."""

from __future__ import annotations

import re

import pytest

from chatislav_source.config import Arguments
from chatislav_source.config.arguments import (
    DEFAULT_HISTORY_DAYS,
    LOOKBACK_DAYS,
    LOOKBACK_DAYS_BY_ACTIVITY,
    MAX_CONCURRENCY,
)
from tests.docs.parts import PART, TABLES, descriptions
from tests.docs.reference import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_rendered_from_the_code(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "python -m tests.docs.reference"


def test_each_table_and_the_arguments_are_a_part_of_their_page_below_their_heading() -> None:
    tables = (DOCS / "tables.md").read_text("utf-8")
    arguments = (DOCS / "configuration.md").read_text("utf-8")

    assert re.findall(r"## `(\w+)`\n\n<!-- from the code: \1 -->", tables) == list(TABLES)
    assert [part[1] for part in PART.findall(arguments)] == ["arguments"]


def test_the_numbers_in_the_description_of_an_argument_are_those_of_the_code() -> None:
    texts = descriptions(Arguments)

    assert f"None: {DEFAULT_HISTORY_DAYS} days ago" in texts["start_date"]
    assert f"None: {LOOKBACK_DAYS_BY_ACTIVITY} if" in texts["lookback_days"]
    assert f"else {LOOKBACK_DAYS}." in texts["lookback_days"]
    assert f"1 to {MAX_CONCURRENCY}." in texts["max_concurrency"]
