"""The answers of the models for conversations whose answer is known by hand."""

from __future__ import annotations

from datetime import date

import pytest

from tests.views.conftest import Ask


def one(ask: Ask, columns: str, session_id: str) -> tuple[object, ...]:
    """Columns of the conversation with that id."""
    (row,) = ask(
        f"SELECT {columns} FROM chatislav__conversations WHERE session_id = '{session_id}'"
    )
    return row


def test_the_first_response_is_the_first_answer_after_the_first_question(ask: Ask) -> None:
    seconds = "first_response_seconds, time_to_human_seconds"

    assert one(ask, seconds, "greeted") == (37, 97)  # not the greeting; 37.5 s rounded down
    assert one(ask, seconds, "backwards") == (30, None)  # listed before the question, sent after
    assert one(ask, seconds, "empty") == (None, None)


def test_a_conversation_without_messages_counts_with_zeros(ask: Ask) -> None:
    columns = "user_messages, assistant_messages, is_involved, is_abandoned, is_resolved, is_rated"

    assert one(ask, columns, "empty") == (0, 0, 0, 0, 0, 0)
    assert one(ask, "message_count, is_taken_over, is_deflected", "unknown count") == (None, 0, 1)


def test_a_conversation_without_a_start_is_of_the_day_it_was_read(ask: Ask) -> None:
    assert one(ask, "day, duration_seconds", "no start") == (date(2026, 11, 1), None)


@pytest.mark.parametrize(
    ("session_id", "day", "hour"),
    [
        ("first 2 am", date(2026, 10, 25), 2),
        ("second 2 am", date(2026, 10, 25), 2),
        ("after the gap", date(2026, 3, 29), 3),
        ("next day there", date(2026, 10, 23), 0),
    ],
)
def test_days_and_hours_are_those_of_the_zone(
    ask: Ask, session_id: str, day: date, hour: int
) -> None:
    assert one(ask, "day, hour", session_id) == (day, hour)


def test_a_word_in_two_scripts_is_one_word(ask: Ask) -> None:
    words = {word for (word,) in ask("SELECT DISTINCT word FROM chatislav__words")}

    assert {"pošiljka", "ljubazno", "džabe", "račun", "café"} <= words
    assert {word for word in words if any("а" <= letter <= "џ" for letter in word)} == set()


def test_words_of_few_conversations_are_not_shown(ask: Ask) -> None:
    assert ask("SELECT min(conversations) FROM chatislav__words") == [(3,)]


def test_percentiles_are_those_of_the_warehouse(ask: Ask) -> None:
    found = ask("""
        SELECT bot_id, day, channel, day_median_duration_seconds, day_p90_first_response_seconds
        FROM chatislav__daily ORDER BY ALL
    """)

    assert found == ask("""
        SELECT bot_id, day, channel, quantile_cont(duration_seconds, 0.5),
            round(quantile_cont(first_response_seconds, 0.9), 6)
        FROM chatislav__conversations GROUP BY ALL ORDER BY ALL
    """)


def test_the_counts_that_need_no_message_are_those_of_the_days(ask: Ask) -> None:
    counts = ", ".join(name for (name, *_) in ask("DESCRIBE int_chatislav__day_counts"))

    found = ask("SELECT * FROM int_chatislav__day_counts ORDER BY ALL")

    assert found == ask(f"SELECT {counts} FROM chatislav__daily ORDER BY ALL")


def test_distinct_contacts_over_a_range_are_exact(ask: Ask) -> None:
    month = "day BETWEEN '2026-10-01' AND '2026-10-31'"
    contacts = "SELECT count(DISTINCT {0}) FROM chatislav__{1} WHERE {2}"

    by_day = ask(contacts.format("bot_contact_key", "contact_days", month))

    key = "bot_id || '|' || contact_key"
    assert by_day == ask(contacts.format(key, "conversations", month)) == [(3,)]


def test_the_contacts_that_came_back_are_counted_by_their_first_week(ask: Ask) -> None:
    cohorts = ask("SELECT sum(contacts) FROM chatislav__retention WHERE weeks_later = 0")

    assert cohorts == ask("SELECT count(*) FROM chatislav__contacts") == [(3,)]


def test_a_contact_that_comes_back_within_a_day_is_a_recontact(ask: Ask) -> None:
    found = ask("""
        SELECT count(*) FROM chatislav__conversations AS this
        WHERE EXISTS (
            FROM chatislav__conversations AS next
            WHERE next.bot_id = this.bot_id AND next.contact_key = this.contact_key
                AND (next.started_at, next.session_id) > (this.started_at, this.session_id)
                AND next.started_at <= this.last_activity + INTERVAL 24 HOUR
        )
    """)

    assert ask("SELECT sum(recontacted_24h_conversations) FROM chatislav__daily") == found
    assert found[0][0] > 5


def test_credits_are_of_one_zone_and_of_all_channels(ask: Ask) -> None:
    rows = ask("SELECT day, timezone FROM chatislav__credits WHERE bot_id = 1 ORDER BY day")

    assert len(rows) == len({day for day, _ in rows}) == 9
    assert {timezone for _, timezone in rows} == {"Europe/Belgrade"}
    assert ask("SELECT sum(credits) FROM chatislav__credits WHERE is_final") == ask("""
        SELECT sum(usage__total_credits) FROM chatislav.analytics
        WHERE channel = 'all' AND timezone = 'Europe/Belgrade' AND is_final
    """)


def test_a_voice_bot_has_its_own_rows(ask: Ask) -> None:
    (found,) = ask(
        "SELECT channel, conversations, day_contacts FROM chatislav__daily WHERE bot_id = 2"
    )

    assert found == ("voice", 1, 1)
    assert ask("SELECT DISTINCT is_voice_bot FROM chatislav__analytics WHERE bot_id = 2") == [
        (True,)
    ]
