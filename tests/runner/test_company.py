"""As many workers as help: fewer while they are busy, more while they wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.runner.company import FEWEST, LOOK_SECONDS, Company, requests_of, workers_for


def after(
    company: Company, share: float, looks: int, begin: float = 0.0, stock: float = 0.6
) -> float:
    """Let workers be busy for this share of the time through some looks; when that ends.

    So much of the buffer is filled meanwhile.
    """
    now = begin
    for _ in range(looks):
        now += 1.01 * LOOK_SECONDS
        company.worked(now, share * 1.01 * LOOK_SECONDS, stock)
    return now


def test_there_are_few_at_first_and_twice_as_many_each_time_they_are_seen_to_wait() -> None:
    company = Company(12, 0.0)
    sizes, waits = [company.size], [company.waits]

    now = 0.0
    for _ in range(4):
        now = after(company, share=0.1, looks=1, begin=now)
        sizes.append(company.size)
        waits.append(company.waits)

    assert sizes == [FEWEST, 4, 8, 12, 12]
    assert waits == [False, False, False, True, True]


def test_busy_workers_become_fewer_one_by_one_but_never_one() -> None:
    company = Company(8, 0.0)
    now = after(company, share=0.1, looks=2)

    now = after(company, share=0.9, looks=3, begin=now)
    some = company.size
    after(company, share=0.9, looks=50, begin=now)

    assert (some, company.size) == (5, FEWEST)


def test_they_are_called_back_when_answers_become_slow() -> None:
    company = Company(8, 0.0)
    now = after(company, share=0.9, looks=50)

    after(company, share=0.1, looks=50, begin=now)

    assert company.size == 8


@pytest.mark.parametrize("most", [1, 2, 8])
def test_they_are_said_to_wait_once_all_of_them_are_seen_to_have_little_to_do(most: int) -> None:
    company = Company(most, 0.0)
    at_first = company.waits

    now = after(company, share=0.1, looks=5)
    idle = company.waits
    after(company, share=0.9, looks=1, begin=now)

    assert (at_first, idle, company.waits) == (most <= FEWEST, True, False)


def test_a_share_between_changes_nothing_while_there_is_some_to_take() -> None:
    company = Company(8, 0.0)
    now = after(company, share=0.1, looks=1)

    after(company, share=0.4, looks=50, begin=now)

    assert company.size == 4


def test_at_a_share_between_they_become_more_one_by_one_while_there_is_little_to_take() -> None:
    company = Company(8, 0.0)
    sizes, now = [company.size], 0.0

    for _ in range(8):
        now = after(company, share=0.4, looks=1, begin=now, stock=0.1)
        sizes.append(company.size)

    assert sizes == [FEWEST, 3, 4, 5, 6, 7, 8, 8, 8]
    assert company.waits


@given(
    most=st.integers(1, 64),
    work=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 2)), max_size=50),
)
def test_there_are_at_least_some_and_at_most_all(
    most: int, work: list[tuple[float, float, float]]
) -> None:
    company, now = Company(most, 0.0), 0.0

    for seconds, cpu, stock in work:
        now += seconds
        company.worked(now, cpu, stock)
        assert min(FEWEST, most) <= company.size <= most


def taken(company: Company, work: float, wait: float, pieces: int, begin: float) -> float:
    """Let whoever takes work and wait this long for each of some pieces; when that ends."""
    now = begin
    for _ in range(pieces):
        asked, now = now + work, now + work + wait
        company.took(asked, now)
    return now


def test_they_become_fewer_where_rows_are_made_more_slowly_than_pages_come() -> None:
    company = Company(8, 0.0)
    after(company, share=0.1, looks=5)
    sizes = [company.size]

    now = taken(company, work=0.15, wait=0.01, pieces=10, begin=1.0)
    after(company, share=0.1, looks=3, begin=now)
    sizes.append(company.size)
    waits = company.waits

    now = taken(company, work=0.1, wait=0.1, pieces=10, begin=now)
    after(company, share=0.1, looks=3, begin=now)

    assert (sizes, waits) == ([8, 5], False)
    assert (company.size, company.waits) == (8, True)


def test_they_stay_where_rows_are_made_slowly_of_what_is_there_but_little_is() -> None:
    company = Company(8, 0.0)
    after(company, share=0.1, looks=5)

    now = taken(company, work=0.15, wait=0.01, pieces=10, begin=1.0)
    after(company, share=0.1, looks=3, begin=now, stock=0.4)

    assert (company.size, company.waits) == (8, True)


def test_no_workers_are_said_to_wait_where_rows_are_made_too_slowly() -> None:
    company = Company(FEWEST, 0.0)

    now = taken(company, work=0.15, wait=0.01, pieces=10, begin=0.0)
    after(company, share=0.1, looks=3, begin=now)

    assert (company.size, company.waits) == (FEWEST, False)


def test_a_load_says_nothing_of_how_rows_are_made() -> None:
    company = Company(8, 0.0)
    now = after(company, share=0.1, looks=5)

    for _ in range(10):
        company.load_began(now + 2.0)
        now = taken(company, work=0.1, wait=0.1, pieces=2, begin=now + 2.0)
    after(company, share=0.1, looks=5, begin=now)

    assert (company.size, company.waits) == (8, True)


@given(requests=st.integers(1, 64))
def test_workers_tell_how_many_requests_they_are_for(requests: int) -> None:
    workers = workers_for(requests)

    assert requests_of(workers) == requests <= workers
