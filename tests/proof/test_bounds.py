"""Metrics that cannot be counted are only checked by what must hold."""

from __future__ import annotations

from chatislav_source.proof.bounds import CREDIT_PARTS, CREDITS, broken, values
from chatislav_source.proof.definitions import TOTAL

PARTS = dict.fromkeys(CREDIT_PARTS, 1.0)


def test_totals_that_keep_their_bounds_are_not_warned_of() -> None:
    totals = {TOTAL: 5.0, "conversations__unique_contacts": 5.0, CREDITS: 10.04, **PARTS}

    assert broken(totals) == []


def test_more_contacts_than_conversations_and_other_credits_are_warned_of() -> None:
    totals = {TOTAL: 5.0, "conversations__unique_contacts": 6.0, CREDITS: 11.0, **PARTS}

    assert [text.split(" is ")[0] for text in broken(totals)] == [
        "conversations__unique_contacts",
        CREDITS,
    ]


def test_values_that_are_unknown_break_nothing() -> None:
    assert broken({TOTAL: None, CREDITS: None}) == []
    assert {value for _, value, _ in values({})} == {None}
