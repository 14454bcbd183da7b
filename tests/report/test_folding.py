"""Groups of few people are folded so that no number is of fewer than five."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.report.folding import OTHERS, folded, groups_of

PEOPLE = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 12), min_size=1)


def test_a_small_group_is_folded_with_the_next_larger_one() -> None:
    assert folded({"widget": 90, "viber": 8, "telegram": 4}) == ["telegram", "viber"]
    assert groups_of({"widget": 90, "viber": 8, "telegram": 4}) == {
        "widget": ["widget"],
        OTHERS: ["telegram", "viber"],
    }


def test_nothing_is_folded_where_every_group_is_large_enough() -> None:
    assert list(groups_of({"viber": 5, "widget": 6})) == ["widget", "viber"]


def test_nothing_is_shown_where_no_group_is_large_enough() -> None:
    assert groups_of({"widget": 4, "viber": 4}) == {}


@given(PEOPLE)
def test_every_shown_group_holds_one_of_five_people(people: dict[str, int]) -> None:
    shown = groups_of(people)

    assert all(max(people[name] for name in names) >= 5 for names in shown.values())
    assert sorted(name for names in shown.values() for name in names) in ([], sorted(people))
    # a folded group of one could be told from the total
    assert OTHERS not in shown or len(shown[OTHERS]) > 1
