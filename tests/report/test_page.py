"""The page: its numbers are those of SQL, few people are folded, and nothing can run or load."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest

from chatislav_source.report import queries
from chatislav_source.report.definitions import value
from chatislav_source.report.facts import Facts, ask_all
from chatislav_source.report.page import page
from chatislav_source.report.sections import sections
from chatislav_source.views.reading import ModelReader
from tests.report import made_up
from tests.report.conftest import MADE_AT, Ask
from tests.views import golden

WEEK = "day between date '2026-11-08' and date '2026-11-14'"


@pytest.fixture(scope="module")
def static(facts: Facts) -> str:
    return page(facts, MADE_AT, is_static=True)


def tiles(text: str) -> dict[str, str]:
    """The large numbers of the page, by value."""
    return {
        name: unescape(shown) for name, shown in re.findall(r'data-value="(\w+)">([^<]+)<', text)
    }


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of the table of each section."""
    found = {}
    for part in text.split('<section class="card')[1:]:
        anchor = re.search(r'id="(\w+)"', part)
        body = part.partition("<tbody>")[2].partition("</tbody>")[0]
        rows = [re.findall(r"<td>([^<]*)</td>", row) for row in body.split("</tr>")[:-1]]
        found[anchor[1] if anchor else ""] = [[unescape(cell) for cell in row] for row in rows]
    return found


def without_script(text: str) -> str:
    """The page without the runtime of its charts."""
    return re.sub('<script type="module">.*?</script>', "", text, flags=re.DOTALL)


def percent(numbers: tuple[float, float]) -> str:
    return f"{100 * numbers[0] / numbers[1]:.1f} %"


@pytest.mark.parametrize(
    "name",
    [
        "resolution_rate_decided",
        "takeover_rate",
        "containment_rate",
        "csat",
        "abandoned_share",
    ],
)
def test_the_numbers_of_the_week_are_those_of_the_definitions_in_sql(
    static: str, ask: Ask, name: str
) -> None:
    asked = value(name)
    query = f"SELECT {asked.numerator}, {asked.denominator} FROM {asked.model} WHERE {WEEK}"

    assert tiles(static)[name] == percent(ask(query)[0])


def test_percentiles_are_those_of_the_warehouse(static: str, ask: Ask) -> None:
    ((p50,),) = ask(
        "SELECT quantile_cont(first_response_seconds, 0.5) FROM chatislav__conversations "
        f"WHERE {WEEK}"
    )

    assert tiles(static)["first_response_seconds"] == f"{round(p50)} s"
    of_week = "day between date '2026-11-02' and date '2026-11-08'"
    ((p90,),) = ask(
        "SELECT quantile_cont(first_response_seconds, 0.9) FROM chatislav__conversations "
        f"WHERE {of_week}"
    )
    minutes = f"{round(p90) // 60} min {round(p90) % 60} s" if p90 >= 60 else f"{round(p90)} s"
    assert tables(static)["response"][1][::2] == ["2 Nov – 8 Nov", minutes]


def test_days_channels_and_hours_are_those_of_the_warehouse(static: str, ask: Ask) -> None:
    found = tables(static)
    by_day = ask(
        "SELECT strftime(day, '%a %-d %b'), count(*), count(DISTINCT contact_key) "
        "FROM chatislav__conversations GROUP BY day ORDER BY day DESC"
    )
    days = [(day, str(number) if people >= 5 else "under 5") for day, number, people in by_day]
    channels = ask(
        "SELECT channel, sum(conversations) FROM chatislav__daily GROUP BY channel ORDER BY 2 DESC"
    )
    hours = ask(
        "SELECT weekday, hour // 3 AS block, count(*), count(DISTINCT contact_key) "
        "FROM chatislav__conversations GROUP BY 1, 2"
    )

    assert [tuple(row[:2]) for row in found["volume"]] == days
    assert ("under 5" in dict(days).values(), len(days)) == (True, 45)
    (widget, hostile, viber, tiny) = channels
    folded = ("other channels", viber[1] + tiny[1])
    assert [(row[0], int(row[1])) for row in found["channels"]] == [widget, hostile, folded]
    assert {
        (day, block): cell
        for day, row in enumerate(found["hours"], start=1)
        for block, cell in enumerate(row[1:])
    } == {
        (day, block): str(number) if people >= 5 else "under 5"
        for day, block, number, people in hours
    }


def test_every_chart_has_its_table_and_its_definition(facts: Facts, static: str) -> None:
    parts = static.split('<section class="card')[1:]

    for section in sections(facts):
        (part,) = [each for each in parts if f'id="{section.anchor}"' in each]
        assert part.count("<svg") == 2, section.anchor  # for wide and narrow screens
        assert "<summary>Table</summary>" in part
        assert all(f"<code>{name} = " in part for name in section.values)


def test_who_is_few_cannot_be_told_from_the_page(facts: Facts, static: str) -> None:
    told = static + without_script(page(facts, MADE_AT, is_static=False))

    assert made_up.TINY not in told
    assert made_up.SECRET not in told
    assert not re.search(r"\+3816|session\d", told)
    assert "račun" in told  # five people wrote it


def test_a_hostile_name_stays_a_text(facts: Facts, static: str) -> None:
    for text in (static, without_script(page(facts, MADE_AT, is_static=False))):
        assert "&lt;/script&gt;&lt;img" in text
        assert "<img" not in text


def test_a_static_page_has_no_script_and_the_other_allows_only_its_own(
    facts: Facts, static: str
) -> None:
    policy = re.compile(r'Content-Security-Policy" content="([^"]+)"')

    assert "<script" not in static
    assert policy.findall(static) == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    ]
    (found,) = policy.findall(page(facts, MADE_AT, is_static=False))
    assert re.fullmatch(
        r"default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        r" script-src 'sha256-[^' ]+';",
        found,
    )


def test_nothing_loaded_and_nothing_verified_are_said(reader: ModelReader) -> None:
    none = ask_all(reader, golden.TIMEZONE, 90, today=made_up.FIRST)

    text = page(none, MADE_AT, is_static=False)

    assert "No conversation is loaded of a day that has ended" in text
    assert "Nothing is loaded yet, so there is nothing to prove." in text
    assert "<script" not in text


def test_a_missing_table_leaves_out_only_what_needs_it(reader: ModelReader) -> None:
    def without_messages(query: str) -> object:
        needs = ("chatislav__daily", "chatislav__conversations ", "chatislav__words")
        return None if any(f"FROM {name}" in query for name in needs) else reader(query)

    found = ask_all(without_messages, golden.TIMEZONE, 90, made_up.TODAY)  # type: ignore[arg-type]

    text = page(found, MADE_AT, is_static=True)
    assert "The conversations or their messages are not loaded" in text
    assert 'id="credits"' in text
    assert "<svg" in text.partition('id="credits"')[2]


def test_days_of_which_conversations_were_deleted_for_their_age_are_not_shown(facts: Facts) -> None:
    last_lost = date(2026, 10, 20)

    def answered(query: str) -> list[tuple[object, ...]] | None:
        rows: dict[str, list[tuple[object, ...]]] = {
            queries.BOTS: [(bot.bot_id, bot.first_day, bot.last_day, 1) for bot in facts.bots],
            queries.NEWEST_ANALYTICS_DAY: [(None,)],
        }
        return rows.get(query)

    found = ask_all(answered, golden.TIMEZONE, 90, made_up.TODAY, {1: last_lost, 2: last_lost})

    assert (facts.span and facts.span.first, found.span and found.span.first) == (
        made_up.FIRST,
        date(2026, 10, 21),
    )
