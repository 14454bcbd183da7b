"""A load package ends when it is full or late, or when loading does not delay fetching."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.extract.load_limit import (
    LEAST_PACKAGE_BYTES,
    LEAST_WAITING_BYTES,
    MERGED_PACKAGE_BYTES,
    PACKAGE_BYTES,
    PACKAGE_SECONDS,
    LoadLimit,
)

NOW = 1000.0
WORTH = LEAST_PACKAGE_BYTES


def test_a_package_ends_at_its_size_or_its_deadline() -> None:
    limit = LoadLimit.starting(NOW)

    assert not limit.is_reached(PACKAGE_BYTES - 1, NOW)
    assert limit.is_reached(PACKAGE_BYTES, NOW)
    assert not limit.is_reached(0, NOW + PACKAGE_SECONDS - 0.1)
    assert limit.is_reached(0, NOW + PACKAGE_SECONDS)


def test_a_package_that_may_replace_rows_is_smaller() -> None:
    assert LoadLimit.starting(NOW).for_merge().is_reached(MERGED_PACKAGE_BYTES, NOW)


def test_a_package_of_fetched_pages_does_not_wait() -> None:
    assert LoadLimit.starting(NOW).without_waiting(NOW).is_reached(0, NOW)


@pytest.mark.parametrize(
    ("after", "fetching", "may_flush"),
    [
        pytest.param(5.9, (True, False), False, id="the last load took a third of it"),
        pytest.param(6.0, (True, False), True, id="fetching took three times as long"),
        pytest.param(9.0, (False, False), False, id="pages are ready to be taken"),
        pytest.param(0.0, (False, True), True, id="few requests in flight"),
    ],
)
def test_a_package_may_end_while_responses_are_pending(
    after: float, fetching: tuple[bool, bool], may_flush: bool
) -> None:
    limit = LoadLimit.starting(NOW, load_seconds=2.0)

    assert limit.may_flush(WORTH, NOW + after, *fetching) is may_flush


def test_a_package_that_waits_for_pages_ends_when_it_is_worth_a_load() -> None:
    limit = LoadLimit.starting(NOW, load_seconds=2.0)

    assert limit.wait_until(LEAST_WAITING_BYTES, NOW) == limit.worth_from
    assert limit.wait_until(LEAST_WAITING_BYTES, limit.worth_from) == limit.deadline
    assert limit.wait_until(LEAST_WAITING_BYTES - 1, NOW) == limit.deadline


def test_an_eager_package_ends_with_every_page_that_is_waited_for() -> None:
    first, second = LoadLimit.eager(NOW), LoadLimit.eager(NOW, load_seconds=2.0)

    assert first.may_flush(1, NOW, is_waiting=True, is_slow=False)
    assert not second.may_flush(1, NOW + 1.9, is_waiting=True, is_slow=False)
    assert second.may_flush(1, NOW + 2.0, is_waiting=True, is_slow=False)
    assert not first.may_flush(0, NOW + 9.0, is_waiting=True, is_slow=False)


@given(
    size=st.integers(0, WORTH - 1),
    after=st.floats(0, 1e6),
    waits=st.booleans(),
    is_slow=st.booleans(),
)
def test_a_small_package_ends_early_only_if_loading_it_delays_no_request(
    size: int, after: float, waits: bool, is_slow: bool
) -> None:
    limit = LoadLimit.starting(NOW)

    may_flush = limit.may_flush(size, NOW + after, waits, is_slow)

    is_worth = waits and NOW + after >= limit.worth_from and size >= LEAST_WAITING_BYTES
    assert may_flush == is_worth
