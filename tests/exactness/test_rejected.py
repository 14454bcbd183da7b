"""Records that cannot be loaded keep nothing else out, and leave `rejected` once they can be."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatislav_source import chatislav
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.sandbox import World
from chatislav_source.sandbox.rendering.bad_records import BAD_RECORDS
from tests.exactness.test_nothing_new import stored_rows
from tests.exactness.truth import (
    DATASET,
    TODAY,
    Bench,
    bench,
    conversation_row,
    days_ago,
    differences,
    message_row,
    stored,
)

BOT = 101
LOOKBACK: Any = {"lookback_days": 12}
FIRST_DAY = days_ago(9)
TELLS_ITS_ID = {"other_bot", "too_deep", "no_json", "no_utf8", "no_object"}
pytestmark = pytest.mark.usefixtures("small_pages")


def world_of(conversations: int = 40) -> World:
    """One bot with conversations on the last days."""
    return World.generate(
        (BOT,), conversations=conversations, days=10, last_day=TODAY, messages=2, seed=3
    )


def rejected_rows(made: Bench) -> list[dict[str, Any]]:
    """The rows of `rejected`; none if there is no table."""
    with duckdb.connect(str(made.database), read_only=True) as connection:
        query = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rejected'"
        if connection.execute(query + f" AND schema_name = '{DATASET}'").fetchall() == [(0,)]:
            return []
    return stored(made.database, REJECTED)


def differences_without(made: Bench, bad: set[str]) -> list[str]:
    """The differences of the tables from the sandbox's data, without these conversations."""
    items = [row for row in made.world.conversations(BOT) if row["sessionId"] not in bad]
    parents = {(BOT, row["sessionId"]): conversation_row(row) for row in items}
    children = {
        (BOT, row["sessionId"], number): message_row(row, number)
        for row in items
        for number in range(len(row["messages"]))
    }
    return [
        *differences(CONVERSATIONS, stored(made.database, CONVERSATIONS), parents),
        *differences(MESSAGES, stored(made.database, MESSAGES), children),
    ]


def told_ids(bad: dict[str, str]) -> list[str]:
    """The session ids that the bad records tell."""
    return sorted(session_id for session_id, kind in bad.items() if kind in TELLS_ITS_ID)


def bad_among(made: Bench, kinds: list[str], random: Random) -> dict[str, str]:
    """A bad record of each of these kinds, at random places."""
    ids = [row["sessionId"] for row in made.world.conversations(BOT)]
    return dict(zip(random.sample(ids, len(kinds)), kinds, strict=True))


def check_story(folder: Path, kinds: list[str], seed: int, **options: Any) -> None:
    """Load with bad records, sync with nothing new, repair them, sync."""
    with bench(folder, world_of(), start_date=FIRST_DAY) as made:
        bad = bad_among(made, kinds, Random(seed))  # noqa: S311 - repeatable test data
        made.api.configure(bad_records=bad, **options)

        report = made.sync(**LOOKBACK)

        assert report.complete
        assert report.total("rejected") == len(bad)
        assert differences_without(made, set(bad)) == []
        rows = rejected_rows(made)
        assert sorted(row["session_id"] for row in rows if row["session_id"]) == told_ids(bad)
        assert len(rows) == len(bad)
        before = stored_rows(made)
        requests = made.api.count()

        idle = made.sync(**LOOKBACK)

        assert idle.complete
        assert (idle.total("rows"), idle.total("rejected")) == (0, len(bad))
        assert rejected_rows(made) == rows
        is_ours = ["_dlt_pipeline_state", "_dlt_loads"]
        assert {n: r for n, r in before.items() if n.split(".")[1] not in is_ours} == {
            n: r for n, r in stored_rows(made).items() if n.split(".")[1] not in is_ours
        }
        assert made.api.count() - requests == idle.total("requests")
        made.api.configure(bad_records={})

        repaired = made.sync(**LOOKBACK)

        assert repaired.total("rejected") == 0
        assert repaired.warnings == []
        # a record that tells nothing stays, as no good version is known to be of it
        untold = [row for row in rows if row["raw"] is None]
        assert rejected_rows(made) == untold
        assert len(untold) == list(bad.values()).count("null")
        assert made.differences() == []


TOLD = st.sampled_from([kind for kind in BAD_RECORDS if kind != "null"])
# several records of another bot may be alone on a page, which is not believed
KINDS = st.lists(TOLD, min_size=1, max_size=7).filter(lambda kinds: kinds.count("other_bot") < 2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@given(
    kinds=KINDS,
    seed=st.integers(0, 10_000),
    page_token=st.sampled_from(["offset", "keyset", "snapshot"]),
    date_filter=st.sampled_from(["activity", "created"]),
)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_bad_records_anywhere_keep_nothing_else_out_and_are_taken_out_when_repaired(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[str],
    seed: int,
    page_token: str,
    date_filter: str,
) -> None:
    options = {"page_token": page_token, "date_filter": date_filter}
    check_story(tmp_path_factory.mktemp("story"), kinds, seed, **options)


@pytest.mark.parametrize(
    "token_max_uses", [None, pytest.param(1, marks=pytest.mark.slow)], ids=["any use", "one use"]
)
def test_one_bad_record_of_each_kind_keeps_nothing_else_out(
    tmp_path: Path, token_max_uses: int | None
) -> None:
    # a page token that may be used once does not serve to read a page again
    check_story(tmp_path, list(BAD_RECORDS), 5, token_max_uses=token_max_uses)


def test_a_row_has_the_record_as_sent_the_reason_and_when_it_was_first_and_last_new(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, world_of(8), start_date=FIRST_DAY) as made:
        first, *_ = made.world.conversations(BOT)
        session_id = first["sessionId"]
        made.api.configure(bad_records={session_id: "null_id"})
        made.sync(**LOOKBACK)
        (before,) = rejected_rows(made)
        made.world.change(BOT, session_id, resolutionStatus="resolved", helpful=7)

        made.sync(**LOOKBACK)

        (after,) = rejected_rows(made)
    assert (before["bot_id"], before["resource"]) == (BOT, "conversations")
    assert before["reason"] == "it has no sessionId"
    assert before["created_at"] == first["createdAt"]
    assert before["raw"] | {"sessionId": session_id} == sent(first)
    assert after["raw"]["helpful"] == 7
    assert after["rejected_id"] == before["rejected_id"]
    assert after["first_seen_at"] == before["first_seen_at"] == before["seen_at"]
    assert after["seen_at"] > before["seen_at"]


def sent(item: dict[str, Any]) -> dict[str, Any]:
    """A conversation of the sandbox as JSON values, times without an offset."""
    found: dict[str, Any] = json.loads(json.dumps(item, default=lambda at: at.isoformat()[:-6]))
    return found


@pytest.mark.slow
def test_a_bad_record_among_the_newest_days_does_not_hold_up_what_is_new(tmp_path: Path) -> None:
    with bench(tmp_path, world_of(), start_date=FIRST_DAY) as made:
        for kind in BAD_RECORDS:
            session_id = made.world.add_conversation(BOT)
            made.api.settings.bad_records = made.api.settings.bad_records | {session_id: kind}
        made.sync()
        watermark = made.states()[str(BOT)]["watermark"]

        report = [made.world.add_conversation(BOT), made.sync()][1]

        assert report.complete
        assert watermark is not None
        assert made.states()[str(BOT)]["progress"] is None
        assert differences_without(made, set(made.api.settings.bad_records)) == []


@pytest.mark.usefixtures("short_waits")
def test_a_page_of_another_bot_is_an_error_and_its_rows_are_not_stored(tmp_path: Path) -> None:
    world = World.generate((BOT,), conversations=6, days=1, last_day=TODAY, messages=1)
    with bench(tmp_path, world, start_date=FIRST_DAY) as made:
        ids = [row["sessionId"] for row in made.world.conversations(BOT)]
        made.api.configure(bad_records=dict.fromkeys(ids, "other_bot"))

        report = made.sync(resources=["conversations"])

        assert not report.complete
        assert "only another bot's rows" in report.errors[0]
        assert rejected_rows(made) == []


@pytest.mark.slow
def test_analytics_that_are_nested_too_deep_are_set_aside_and_read_again(tmp_path: Path) -> None:
    with bench(tmp_path, world_of(4), start_date=FIRST_DAY) as made:
        bad = days_ago(3)
        made.api.configure(bad_analytics={str(bad)})

        report = made.sync()

        assert report.complete
        (row,) = rejected_rows(made)
        assert (row["resource"], row["date"], row["channel"]) == ("analytics", bad, "all")
        assert row["raw"].startswith('{"schema":')
        assert made.analytics_differences(FIRST_DAY) == [
            f"analytics {(BOT, bad, 'all', 'UTC')} is missing"
        ]
        assert made.sync().total("rejected") == 1
        assert rejected_rows(made) == [row]
        made.api.configure(bad_analytics=[])
        assert made.sync().total("rejected") == 0
        assert rejected_rows(made) == []
        assert made.analytics_differences(FIRST_DAY) == []


def test_a_plain_run_loads_the_rest_and_warns_without_a_word_of_the_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with bench(tmp_path, world_of(), start_date=FIRST_DAY) as made:
        first, *_ = made.world.conversations(BOT)
        made.world.change(BOT, first["sessionId"], feedbackComment="my secret words")
        made.api.configure(bad_records={first["sessionId"]: "no_id"})

        made.pipeline().run(chatislav(**made.arguments()))

        assert differences_without(made, {first["sessionId"]}) == []
        assert len(rejected_rows(made)) == 1
    assert "1 record could not be loaded, and is in the table rejected" in caplog.text
    assert "my secret words" not in caplog.text
