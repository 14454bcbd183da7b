"""Metrics that cannot be counted are only checked by what must hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from chatislav_source.proof.bounds import (
    AVERAGE,
    CREDIT_PARTS,
    CREDITS,
    GUARDRAILS,
    broken,
    values,
)
from chatislav_source.proof.definitions import MESSAGES, TOTAL
from chatislav_source.proof.reconciliation import DayTotals, more_than_all
from tests.proof.made_up import DAYS, FIRST_DAY, Way, chats, totals, verify

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


@pytest.mark.parametrize(
    ("interventions", "flagged", "said"),
    [
        (3.0, 2, []),
        (0.0, 0, []),
        (2.0, 3, ["conversations__guardrail_interventions is 2, but 3 conversations are flagged"]),
        (1.0, 0, ["conversations__guardrail_interventions is 1, but no conversation is flagged"]),
        (0.0, 1, ["conversations__guardrail_interventions is 0, but 1 conversation is flagged"]),
        (1.0, None, []),
        (None, 1, []),
    ],
)
def test_interventions_are_at_least_the_flagged_conversations_and_of_one_of_them(
    interventions: float | None, flagged: int | None, said: list[str]
) -> None:
    assert broken({GUARDRAILS: interventions}, flagged) == said


@pytest.mark.parametrize(
    ("way", "final", "is_asked", "known"),
    [
        pytest.param(Way("created"), DAYS, True, True, id="created"),
        pytest.param(Way("activity", "Europe/Belgrade"), DAYS, True, True, id="activity"),
        pytest.param(Way("created", messages="sent"), DAYS, True, False, id="by event"),
        pytest.param(Way("created"), 10, True, False, id="unproven"),
        pytest.param(Way("created"), DAYS, False, False, id="one was not asked"),
    ],
)
def test_flagged_conversations_of_a_day_are_counted_by_its_proven_definition(
    way: Way, final: int, is_asked: bool, known: bool
) -> None:
    random = Random(3)  # noqa: S311 - made-up data
    held = [replace(chat, flagged=random.random() < 0.2) for chat in chats(random, 30)]
    day = FIRST_DAY + timedelta(days=5)
    instants = [(c, c.created if way.basis == "created" else c.activity) for c in held]
    of_day = [c for c, at in instants if at.astimezone(ZoneInfo(way.zone)).date() == day]
    expected = sum(bool(chat.flagged) for chat in of_day)
    if not is_asked:
        held[held.index(of_day[0])] = replace(of_day[0], flagged=None)

    _, rows = verify(totals(held, way, way.zone, final), held, way.zone)

    (row,) = [row for row in rows if (row.date, row.metric) == (day, GUARDRAILS)]
    assert row.status == "not_comparable"
    assert row.counted_value == (expected if known else None)


def test_an_average_that_is_not_of_its_messages_and_conversations_is_warned_of() -> None:
    totals = {TOTAL: 3.0, MESSAGES: 10.0, AVERAGE: 3.33}

    assert broken(totals, by_event=False) == []
    (warning,) = broken({**totals, AVERAGE: 3.5}, by_event=False)
    assert warning == f"{AVERAGE} is 3.5, but its messages make 3.33"
    assert broken({**totals, AVERAGE: 3.5}) == []  # these may be the messages of that day
    assert broken({**totals, TOTAL: 0.0}, by_event=False) == []


def test_channels_that_have_more_than_all_together_are_warned_of() -> None:
    def day(channel: str, total: float, is_final: bool = True) -> DayTotals:
        return DayTotals(FIRST_DAY, channel, "UTC", is_final, {TOTAL: total, MESSAGES: 5.0})

    assert list(more_than_all([day("widget", 9)])) == []
    assert list(more_than_all([day("all", 9), day("widget", 6)])) == []
    assert list(more_than_all([day("all", 3, is_final=False), day("widget", 6)])) == []
    found = list(more_than_all([day("all", 9), day("widget", 6), day("viber", 4)]))
    assert [text for _, text in found] == [
        f"{TOTAL} is 9, but its channels have 10",
        f"{MESSAGES} is 5, but its channels have 10",
    ]
