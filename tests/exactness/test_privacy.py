"""What the privacy settings take out of rows is in no file of a run."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import ConfigurationError, chatislav
from chatislav_source.cli.status import statuses
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.sandbox import World
from tests.exactness.originals import (
    BOT,
    HASHED_PHONE,
    MAIL,
    ODD_BOT,
    PHONE,
    PSEUDONYMOUS,
    SECRET,
    found_in,
    make_bad,
    planted,
)
from tests.exactness.stories import CrashError, crashing
from tests.exactness.truth import TODAY, Bench, bench, days_ago, stored

SCRUBBED = "Javite na [phone] ili [email]"
SECTION = "SOURCES__CHATISLAV__PRIVACY"
OTHER_SECRET = "another made-up secret, 32 bytes"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """Two bots with personal values everywhere, of which one is served with bad records."""
    with bench(tmp_path, planted(), start_date=days_ago(3)) as each:
        each.api.configure(**make_bad(each.world, ODD_BOT))
        yield each


def rows_of(made: Bench, bot_id: int = BOT, table: Any = CONVERSATIONS) -> list[dict[str, Any]]:
    """The rows of one bot."""
    return [row for row in stored(made.database, table) if row["bot_id"] == bot_id]


def test_pseudonymous_rows_have_hashes_and_scrubbed_texts_and_no_form(made: Bench) -> None:
    made.sync(privacy=PSEUDONYMOUS)

    for row in rows_of(made):
        assert row["contact__phone_number"] == HASHED_PHONE
        assert row["contact__ip_address"].startswith(HASHED_PHONE[:10])
        assert row["feedback_comment"] == SCRUBBED
        assert row["summary"] == {"sentiment": "positive", "text": SCRUBBED}
        assert row["summary__sentiment"] == "positive"
        assert (row["user_form"], row["extra"]) == (None, None)
    assert {row["content"] for row in rows_of(made, table=MESSAGES)} == {SCRUBBED}


def test_minimal_rows_of_a_plain_run_have_no_texts(made: Bench) -> None:
    made.api.configure(bad_records={})
    minimal = {**PSEUDONYMOUS, "profile": "minimal"}
    made.pipeline().run(chatislav(**made.arguments(privacy=minimal)))

    texts = ("feedback_comment", "summary", "user_form", "extra")
    assert {row[name] for row in rows_of(made) for name in texts} == {None}
    assert {row["contact__phone_number"] for row in rows_of(made)} == {HASHED_PHONE}
    messages = rows_of(made, table=MESSAGES)
    assert {row["content"] for row in messages} == {None}
    assert len(messages) == sum(row["message_count"] for row in rows_of(made))


def test_actions_of_columns_and_key_paths_replace_those_of_the_profile(made: Bench) -> None:
    columns = {
        "contact__ip_address": "mask",
        "contact__phone_number": "mask",
        "feedback_comment": "keep",
        "user_form": {"telefon": "hash", "mejl": "mask", "ime": "keep"},
        "content": "hash",
    }
    made.sync(privacy={**PSEUDONYMOUS, "columns": columns})

    for row in rows_of(made):
        assert row["contact__ip_address"] == "198.51.100.0/24"
        assert row["contact__phone_number"] == "+381*******21"
        assert MAIL in row["feedback_comment"]
        form = {"ime": "Zorkanovic", "telefon": HASHED_PHONE, "mejl": None}
        assert row["user_form"] == form


def test_what_a_step_of_the_user_sees_is_private_already(made: Bench) -> None:
    seen: list[Any] = []

    def look(rows: Any) -> Any:
        seen.extend(rows.to_pylist())
        return rows

    made.sync(privacy=PSEUDONYMOUS, customize=lambda s: s.resources["conversations"].add_map(look))

    assert seen
    assert PHONE not in str(seen)


def test_no_file_of_a_run_has_an_original(
    made: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("LOAD__DELETE_COMPLETED_JOBS", "false")
    monkeypatch.setenv(f"{SECTION}__KEY", SECRET)
    monkeypatch.setenv(SECTION, json.dumps(PSEUDONYMOUS))
    caplog.set_level(logging.DEBUG)

    report = made.sync()

    assert len(rows_of(made, ODD_BOT, REJECTED)) > 3  # also such records are searched
    assert found_in(made.folder) == []
    assert_private(caplog.text + str(report.as_dict()))


def assert_private(text: str) -> None:
    """Neither an original nor the key is in a text."""
    assert [each for each in (PHONE, MAIL, SECRET) if each in text] == []


def test_no_file_has_an_original_after_crashes(made: Bench) -> None:
    for step, late in (("extract", True), ("normalize", True), ("load", False), ("load", True)):
        with suppress(CrashError), crashing(step, late, 1):
            made.sync(privacy=PSEUDONYMOUS)
            pytest.fail("it did not crash")

        assert found_in(made.folder) == []


def test_the_search_finds_what_is_kept(made: Bench) -> None:
    with suppress(CrashError), crashing("load", False, 1):
        made.sync()

    found = " ".join(found_in(made.folder))
    assert PHONE in found
    assert "parquet" in found


def test_another_profile_rewrites_rows_with_the_next_backfill_and_only_once(made: Bench) -> None:
    dates = {"start_date": days_ago(3), "end_date": TODAY}
    made.sync()
    made.api.configure(bad_records={})

    first = made.sync(privacy=PSEUDONYMOUS, **dates)
    again = made.sync(privacy=PSEUDONYMOUS, **dates)
    other_key = made.sync(
        privacy={**PSEUDONYMOUS, "key": OTHER_SECRET, "previous_key": SECRET}, **dates
    )

    written = [
        sum(each.rows for each in report.resources if each.resource == CONVERSATIONS.name)
        for report in (first, again, other_key)
    ]
    count = len(stored(made.database, CONVERSATIONS))
    assert written == [count, 0, count]
    assert HASHED_PHONE not in {row["contact__phone_number"] for row in rows_of(made)}


@pytest.mark.slow
def test_status_counts_the_rows_of_other_settings(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.api.configure(bad_records={})
    noon = datetime.combine(days_ago(2), time(12), UTC)
    made.world.put(BOT, {"sessionId": "old", "createdAt": noon, "lastActivity": noon})
    made.world.add_conversation(BOT)
    made.sync()
    count = len(rows_of(made))

    made.sync(privacy=PSEUDONYMOUS, bot_ids=[BOT], start_date=days_ago(2), end_date=days_ago(2))
    by_newest_row = others(made)
    monkeypatch.setenv("SOURCES__CHATISLAV__PRIVACY__PROFILE", "minimal")
    monkeypatch.setenv("SOURCES__CHATISLAV__PRIVACY__KEY", SECRET)
    by_config = others(made)

    assert 0 < by_newest_row[BOT] < count
    assert by_newest_row[ODD_BOT] == len(rows_of(made, ODD_BOT))
    assert by_config[BOT] == count


def others(made: Bench) -> dict[int, int]:
    """By bot, what `status` counts."""
    found = statuses(made.pipeline(), made.world.now())
    return {bot.bot_id: bot.other_privacy for bot in found}


@pytest.mark.slow
def test_a_section_that_keeps_everything_changes_no_row(made: Bench) -> None:
    made.sync()

    report = made.sync(privacy={"profile": "keep", "key": SECRET})

    assert sum(each.rows for each in report.resources if each.resource == CONVERSATIONS.name) == 0


def test_what_cannot_be_honoured_is_refused_before_any_request(tmp_path: Path) -> None:
    world = World.generate((BOT,), conversations=1, days=1, last_day=TODAY)
    with bench(tmp_path, world) as made:
        for privacy in ({"profile": "pseudonymous"}, {"columns": {"phone": "drop"}}):
            with pytest.raises(ConfigurationError):
                made.sync(privacy=privacy)

        assert made.api.count() == 0
    assert not made.database.exists()
