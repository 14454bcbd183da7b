"""The line that says until when the tables are complete and true."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from chatislav_source.report.facts import Bot, Facts
from chatislav_source.report.proof_line import ProofLine, proof_line
from chatislav_source.report.spans import Span

CHECKED = datetime(2026, 11, 9, 4, 5, tzinfo=UTC)
SPAN = Span(date(2026, 11, 1), date(2026, 11, 8))


def line(statuses: dict[int, str], attempts: int = 0) -> ProofLine:
    """The line for bots by id; a letter is a day from 1 November: e(qual), s, m, u or -."""
    kinds = {"e": "equal", "s": "settling", "m": "missing", "u": "unproven"}
    rows: list[tuple[Any, ...]] = [
        (bot_id, date(2026, 11, number), kinds[letter], attempts, CHECKED)
        for bot_id, letters in statuses.items()
        for number, letter in enumerate(letters, start=1)
        if letter != "-"
    ]
    bots = [Bot(bot_id, SPAN.first, SPAN.last, 10) for bot_id in (1, 2)]
    return proof_line(Facts(bots, SPAN, "UTC", verified=rows))


def test_it_says_plainly_that_nothing_was_verified() -> None:
    found = line({})

    assert not found.is_good
    assert found.text.startswith("Not verified: nobody has compared these tables")
    assert "`chatislav verify`" in found.text


def test_days_that_still_settle_are_no_fault() -> None:
    found = line({1: "eeeeeess", 2: "eeeeeees"})

    assert found == ProofLine(
        "Complete and true until 6 Nov 2026 for 2 bots: "
        "the tables hold what the API itself counts. After that, 2 days are still settling "
        "(7 Nov 2026, 8 Nov 2026). "
        "Last change found 9 Nov 2026, 04:05 UTC.",
        is_good=True,
    )


def test_the_line_ends_before_the_first_day_that_differs() -> None:
    found = line({1: "eeemeeee", 2: "eeeeeeee"})

    assert not found.is_good
    assert found.text.startswith("Complete and true until 3 Nov 2026 for 2 bots")
    assert (
        "After that, 1 day differs from the API (4 Nov 2026), all others are equal." in found.text
    )
    assert (
        "differs from the API, unexplained" in line({1: "eeemeeee", 2: "eeeeeeee"}, attempts=3).text
    )


def test_the_line_ends_where_a_day_was_not_compared() -> None:
    found = line({1: "ee-eee", 2: "ee-eee"})

    assert found.text.startswith("Complete and true until 2 Nov 2026")
    assert "Days after 6 Nov 2026 are not verified." in found.text


def test_what_was_verified_from_a_later_day_on_says_so() -> None:
    assert line({1: "---eeeee", 2: "---eeeee"}).text.startswith(
        "Complete and true from 4 Nov 2026 until 8 Nov 2026 for 2 bots"
    )


def test_an_unproven_way_of_counting_proves_nothing() -> None:
    found = line({1: "uuuuuuuu", 2: "eeeeeeee"})

    assert not found.is_good
    assert found.text.startswith("Not proven complete. Of these days, 8 days are unproven")


def test_a_bot_that_was_never_verified_is_named() -> None:
    found = line({1: "eeeeeeee"})

    assert not found.is_good
    assert "Never verified: bot 2." in found.text
