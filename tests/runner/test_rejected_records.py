"""Which rows of `rejected` a load package writes and removes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chatislav_source.records.convert import parse_page, record_batches
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.schema import DELETED, VERSION
from chatislav_source.runner.rejected.records import RejectedRecords, StoredRecord

BOT = 7
NOW = datetime(2026, 6, 24, tzinfo=UTC)
EARLIER = NOW - timedelta(days=3)


def batch(*items: dict[str, Any]) -> RecordBatch:
    """The rows of a page with these conversations, and one more good one."""
    usual = {"botId": BOT, "createdAt": "2026-06-23T10:00:00"}
    conversations = [usual | item for item in ({"sessionId": "good"}, *items)]
    page = {"conversations": conversations, "pagination": {"hasMore": False}}
    (made,) = record_batches([parse_page(json.dumps(page).encode(), BOT, UTC).records(NOW)])
    return made


DEEP: dict[str, Any] = {"n": []}
for _ in range(350):
    DEEP = {"n": DEEP}


def bad(session_id: str = "a", **fields: Any) -> dict[str, Any]:
    """A conversation that is nested too deep."""
    return {"sessionId": session_id, "userForm": DEEP} | fields


class Run:
    """A run with the records that the table holds, page by page."""

    def __init__(self, stored: dict[str, StoredRecord] | None = None) -> None:
        self.records = RejectedRecords()
        self.records.start(BOT, stored or {})
        self.records.begin_package()

    def page(self, *items: dict[str, Any]) -> None:
        made = batch(*items)
        self.records.note_good(BOT, made)
        self.records.note_rejected(BOT, made.rejected, NOW)

    def rows(self) -> list[dict[str, Any]]:
        return self.records.rows().to_pylist()


def written(run: Run) -> list[str]:
    """The session ids that are written, and `-` for each row that is removed."""
    return ["-" if row[DELETED] else row["session_id"] for row in run.rows()]


def stored_of(run: Run) -> dict[str, StoredRecord]:
    """What the table holds after the rows of a run were written, three days ago."""
    return {
        row["rejected_id"]: StoredRecord(row[VERSION.name], EARLIER, row["created_at"])
        for row in run.rows()
    }


def held(*items: dict[str, Any]) -> Run:
    """A run that finds these records in the table."""
    earlier = Run()
    earlier.page(*items)
    return Run(stored_of(earlier))


def test_a_new_record_is_written_once_however_often_it_is_read() -> None:
    run = Run()
    run.page(bad())
    run.page(bad())

    assert written(run) == ["a"]
    run.page(bad())
    run.records.begin_package()
    run.page(bad())
    assert written(run) == []
    assert (run.records.counts(), run.records.is_empty) == ({BOT: 1}, True)


def test_a_record_that_the_table_holds_is_counted_and_not_written() -> None:
    run = held(bad())
    run.page(bad())

    assert written(run) == []
    assert run.records.counts() == {BOT: 1}
    assert "1 record could not be loaded" in run.records.warnings()[0]


def test_a_record_that_changed_is_written_and_keeps_when_it_was_first_seen() -> None:
    run = held(bad())
    run.page(bad(helpful=7))

    (row,) = run.rows()

    assert (row["first_seen_at"], row["seen_at"]) == (EARLIER, NOW)


def test_a_good_version_removes_the_record_and_its_count() -> None:
    run = held(bad(), bad("b"))
    run.page(bad(), bad("b"))
    run.page({"sessionId": "a"})

    assert written(run) == ["-"]
    assert run.records.counts() == {BOT: 1}


def test_a_record_that_turns_good_before_it_is_written_is_not_written() -> None:
    run = Run()
    run.page(bad())
    run.page({"sessionId": "a"})

    assert written(run) == []


def test_each_row_changes_once_in_a_package_and_the_later_change_is_in_the_next() -> None:
    run = Run()
    run.page(bad())
    assert written(run) == ["a"]
    run.page({"sessionId": "a"})

    assert written(run) == []
    assert not run.records.is_empty
    run.records.begin_package()
    assert written(run) == ["-"]
    assert run.records.is_empty


def test_a_conversation_that_is_on_its_page_twice_stays_rejected() -> None:
    run = held(bad())
    run.page(bad(), {"sessionId": "a"})

    assert written(run) == []
    assert run.records.counts() == {BOT: 1}
