"""Rows are hidden, stored twice, changed and restated, however the API counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatislav_source.proof.definitions import MESSAGES, METRICS, TOTAL
from chatislav_source.proof.reconciliation import DIFFERS, Comparison
from chatislav_source.proof.verdict import Evidence, judge
from tests.default_suite import mostly_slow
from tests.proof.made_up import (
    BOT,
    DAYS,
    FIRST_DAY,
    Chat,
    Way,
    chats,
    restated,
    totals,
    verify,
)

ZONES = ("UTC", "Europe/Belgrade", "Asia/Kathmandu", "America/St_Johns")
WAYS = [
    (Way(basis, "UTC" if is_utc else asked, messages, vocabulary), asked)
    for basis, is_utc, messages, vocabulary, asked in product(
        ("created", "activity"),
        (True, False),
        ("of_conversations", "sent"),
        ("own", "summary"),
        ZONES,
    )
]
DAMAGES = ("hide", "double", "retime", "rephrase", "restate")


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - made-up data


def words(way: Way) -> str:
    return f"{way.basis} day, {way.zone}"


@pytest.mark.parametrize(("way", "asked"), mostly_slow(WAYS, *WAYS[::9]))
def test_the_way_of_counting_is_found_and_each_metric_is_proven(way: Way, asked: str) -> None:
    held = chats(seeded(1), 30)

    found, rows = verify(totals(held, way, asked), held, asked)

    assert all(verdict.is_proven for verdict in found.values())
    assert found[TOTAL].chosen.words == words(way)
    assert (found[MESSAGES].chosen.basis == "sent") == (way.messages == "sent")
    assert found["resolutions__unclear"].chosen.way.startswith("summary__") == (
        way.vocabulary == "summary"
    )
    assert {row.status for row in rows} == {"equal", "not_comparable"}


@settings(max_examples=15)
@given(
    way=st.sampled_from(WAYS),
    seed=st.integers(0, 10_000),
    per_day=st.integers(0, 25),
    days=st.integers(1, DAYS),
)
def test_a_wrong_way_of_counting_is_never_called_proven(
    way: tuple[Way, str], seed: int, per_day: int, days: int
) -> None:
    counted, asked = way
    held = chats(seeded(seed), per_day, days)

    found, rows = verify(totals(held, counted, asked), held, asked)

    if found[TOTAL].is_proven:
        assert found[TOTAL].chosen.words == words(counted)
    assert [row for row in rows if row.status in DIFFERS] == []


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), asked=st.sampled_from(["UTC", "Europe/Belgrade"]))
def test_a_zone_that_is_no_candidate_is_unproven(seed: int, asked: str) -> None:
    held = chats(seeded(seed), 20)

    found, rows = verify(totals(held, Way(zone="Asia/Tokyo"), asked), held, asked)

    assert not found[TOTAL].is_proven
    assert not found[MESSAGES].is_proven
    assert {row.status for row in rows if row.metric == TOTAL} == {"unproven"}


@settings(max_examples=15)
@given(
    way=st.sampled_from(WAYS),
    seed=st.integers(0, 10_000),
    damages=st.lists(st.sampled_from(DAMAGES), max_size=2),
)
def test_verify_finds_every_difference_that_is_there_and_none_that_is_not(
    way: tuple[Way, str], seed: int, damages: list[str]
) -> None:
    counted, asked = way
    random = seeded(seed)
    there = chats(random, 20)
    days, held = totals(there, counted, asked), list(there)
    before, _ = verify(days, there, asked)
    for damage in damages:
        held, days = damaged(damage, held, days, random)

    _, at_once = verify(days, held, asked)
    known = {name: each.chosen.words for name, each in before.items() if each.is_proven}
    _, later = verify(days, held, asked, known)

    in_tables = totals(held, counted, asked)
    expected = {
        (api.day, metric.name)
        for api, mine in zip(days, in_tables, strict=True)
        for metric in METRICS
        if api.value(metric.columns) != mine.value(metric.columns)
    }
    assert found(later, *DIFFERS) == expected
    # at once, the damage may leave doubt about a rare metric, which is said
    assert found(at_once, *DIFFERS) <= expected <= found(at_once, *DIFFERS, "unproven")
    differences = [(row.difference, row.status) for row in later if row.status in DIFFERS]
    assert all((status == "extra") == ((by or 0) > 0) for by, status in differences)


def found(rows: list[Comparison], *statuses: str) -> set[tuple[date, str]]:
    return {(row.date, row.metric) for row in rows if row.status in statuses}


def damaged(
    damage: str, held: list[Chat], days: list[object], random: Random
) -> tuple[list[Chat], list[object]]:
    """The tables and totals after some damage of one conversation or day."""
    place = random.randrange(len(held))
    chosen = held[place]
    others = held[:place] + held[place + 1 :]
    if damage == "hide":
        return others, days
    if damage == "double":
        return [*held, chosen], days
    if damage == "retime":
        moved = tuple(each + timedelta(days=1) for each in chosen.sent)
        return [*others, replace(chosen, created=moved[0], sent=moved)], days
    if damage == "rephrase":
        return [*others, replace(chosen, takeover=not chosen.takeover)], days
    day = FIRST_DAY + timedelta(days=random.randrange(DAYS))
    return held, restated(days, day, random.choice((-2, 3)))  # type: ignore[arg-type, return-value]


def test_days_that_are_not_final_are_settling_whatever_they_hold() -> None:
    held = chats(seeded(3), 30)

    _, rows = verify(totals(held, Way(), "UTC", final=33), held[50:], "UTC")

    settling = {row.date for row in rows if row.status == "settling"}
    assert settling == {FIRST_DAY + timedelta(days=n) for n in range(33, DAYS)}


@pytest.mark.parametrize(("days", "is_proven"), [(13, False), (14, True)])
def test_less_than_fourteen_final_days_prove_nothing(days: int, is_proven: bool) -> None:
    held = chats(seeded(4), 30)

    found, rows = verify(totals(held, Way(), "UTC", final=days), held, "UTC")

    assert found[TOTAL].is_proven == is_proven
    assert ({"unproven"} <= {row.status for row in rows}) == (not is_proven)


def test_days_with_few_conversations_prove_nothing() -> None:
    held = chats(seeded(5), 2)

    found, _ = verify(totals(held, Way(), "UTC"), held, "UTC")

    assert not found[TOTAL].is_proven


def test_a_proven_definition_stays_when_many_days_are_damaged() -> None:
    there = chats(seeded(6), 30)
    days = totals(there, Way(), "UTC")
    held = [chat for chat in there if chat.created.day % 5 or chat.takeover]
    known = {
        metric: verdict.chosen.words for metric, verdict in verify(days, there, "UTC")[0].items()
    }

    at_first, _ = verify(days, held, "UTC")
    later, rows = verify(days, held, "UTC", known)

    assert not at_first[TOTAL].is_proven
    assert later[TOTAL].is_proven
    lost = {chat.created.date() for chat in there} - {chat.created.date() for chat in held}
    missing = {row.date for row in rows if row.metric == TOTAL and row.status == "missing"}
    assert {day for day in missing if day.day % 5 == 0} == missing
    assert lost <= missing


def test_the_days_of_a_zone_follow_its_clock() -> None:
    # 23 hours in Belgrade: a conversation at 21:59 UTC is of March 29, one at 22:00 of March 30
    held = chats(seeded(7), 60)
    way = Way(zone="Europe/Belgrade")

    _, rows = verify(totals(held, way, "Europe/Belgrade"), held, "Europe/Belgrade")

    (row,) = [row for row in rows if (row.date, row.metric) == (date(2026, 3, 29), TOTAL)]
    zone = ZoneInfo("Europe/Belgrade")
    assert row.counted_value == sum(
        chat.created.astimezone(zone).date() == row.date for chat in held
    )
    assert (row.bot_id, row.status) == (BOT, "equal")


@pytest.mark.parametrize(("rival_days", "is_proven"), [(9, True), (10, False), (20, False)])
def test_a_definition_is_proven_only_if_the_next_best_fails_on_most_days(
    rival_days: int, is_proven: bool
) -> None:
    metric = next(each for each in METRICS if each.name == TOTAL)
    chosen, rival = metric.candidates(["UTC", "Asia/Kathmandu"])[:2]
    days = [Evidence(9, {chosen: 9, rival: 9 if day < rival_days else 8}) for day in range(20)]

    assert judge(metric, [chosen, rival], days).is_proven == is_proven
