"""When a load ends: full, late, or where loading costs no fetching."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.extract.load_limit import (
    LEAST_PACKAGE_BYTES,
    MERGED_PACKAGE_BYTES,
    PACKAGE_BYTES,
    PACKAGE_SECONDS,
    LoadLimit,
)

NOW = 1000.0
WORTH = LEAST_PACKAGE_BYTES


def test_a_load_ends_when_it_has_enough_or_has_taken_long_enough() -> None:
    limit = LoadLimit.starting(NOW)

    assert not limit.is_reached(PACKAGE_BYTES - 1, NOW)
    assert limit.is_reached(PACKAGE_BYTES, NOW)
    assert not limit.is_reached(0, NOW + PACKAGE_SECONDS - 0.1)
    assert limit.is_reached(0, NOW + PACKAGE_SECONDS)


def test_a_load_that_may_replace_rows_ends_sooner() -> None:
    assert LoadLimit.starting(NOW).for_merge().is_reached(MERGED_PACKAGE_BYTES, NOW)


def test_a_load_of_what_is_there_waits_for_nothing() -> None:
    assert LoadLimit.starting(NOW).without_waiting(NOW).is_reached(0, NOW)


@pytest.mark.parametrize(
    ("after", "fetching", "may_flush"),
    [
        pytest.param(5.9, (True, False), False, id="the last load took a third of it"),
        pytest.param(6.0, (True, False), True, id="reading took three times as long"),
        pytest.param(9.0, (False, False), False, id="no time to load beside reading"),
        pytest.param(0.0, (False, True), True, id="little comes in"),
    ],
)
def test_a_load_may_end_where_answers_are_waited_for(
    after: float, fetching: tuple[bool, bool], may_flush: bool
) -> None:
    limit = LoadLimit.starting(NOW, load_seconds=2.0)

    assert limit.may_flush(WORTH, NOW + after, *fetching) is may_flush


@given(
    size=st.integers(0, WORTH - 1),
    after=st.floats(0, 1e6),
    waits=st.booleans(),
    is_slow=st.booleans(),
)
def test_no_load_ends_before_its_time_with_little(
    size: int, after: float, waits: bool, is_slow: bool
) -> None:
    assert not LoadLimit.starting(NOW).may_flush(size, NOW + after, waits, is_slow)
