"""Pages with records that cannot be loaded: the others are as on a page of their own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.errors import WrongShapeError
from chatislav_source.records.columns import microseconds
from chatislav_source.records.convert import parse_page, record_batches
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.rejected.identity import ids_of_good
from chatislav_source.records.rejected.page_text import MAX_NESTING, split_page
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.sandbox.rendering.bad_records import BAD_RECORDS, bad_record
from tests.json_values import ANY_JSON

BOT_ID = 123
READ_AT = datetime(2026, 6, 23, 12, tzinfo=UTC)
REASONS = {
    "no_id": "it has no sessionId",
    "null_id": "it has no sessionId",
    "empty_id": "it has no sessionId",
    "object_id": "it has no sessionId",
    "other_bot": "it is of another bot",
    "too_deep": f"it is nested more than {MAX_NESTING} levels deep",
    "no_json": "it is not JSON",
    "no_utf8": "its text is not UTF-8",
    "no_object": "it is not an object",
    "null": "it is not an object",
}
UNTOLD = {"null"}  # nothing tells which conversation it is


def conversation(number: int, **fields: Any) -> dict[str, Any]:
    """A conversation as documented; each has another id and another start."""
    started = datetime(2026, 6, 1) + timedelta(minutes=number)
    return {
        "sessionId": f"s{number}",
        "botId": BOT_ID,
        "companyId": "9",
        "createdAt": started.isoformat(),
        "lastActivity": started.isoformat(),
        "channel": "widget",
        "messages": [{"id": "m", "createdAt": started.isoformat(), "content": "[{,}] \\"}],
    } | fields


def page_of(records: list[bytes]) -> bytes:
    """A page with these records."""
    pagination = b'"pagination": {"limit": 50, "hasMore": true, "nextCursor": "c"}'
    return b'{"conversations": [%b], %b}' % (b" , ".join(records), pagination)


def batch_of(body: bytes, zone: Any = UTC) -> RecordBatch:
    """The rows of a page."""
    (batch,) = record_batches([parse_page(body, BOT_ID, zone).records(READ_AT)])
    return batch


KINDS = st.lists(st.none() | st.sampled_from(BAD_RECORDS), max_size=9)


@given(kinds=KINDS, place=st.integers(0, 9), zone=st.sampled_from(["UTC", "Europe/Belgrade"]))
def test_bad_records_at_any_places_leave_the_rows_of_the_others_as_they_are(
    kinds: list[str | None], place: int, zone: str
) -> None:
    kinds.insert(place, None)  # a page without any good record is another matter
    records = [json.dumps(conversation(number)).encode() for number in range(len(kinds))]
    served = [
        bad_record(kind, record) if kind else record
        for kind, record in zip(kinds, records, strict=True)
    ]
    good = [record for kind, record in zip(kinds, records, strict=True) if kind is None]
    zone_of_api: Any = UTC if zone == "UTC" else ZoneInfo(zone)

    page = parse_page(page_of(served), BOT_ID, zone_of_api)
    (batch,) = record_batches([page.records(READ_AT)])

    alone = batch_of(page_of(good), zone_of_api)
    assert batch.conversations.to_pylist() == alone.conversations.to_pylist()
    assert batch.messages.to_pylist() == alone.messages.to_pylist()
    assert list(batch.session_ids) == list(alone.session_ids)
    assert (page.has_more, page.next_token) == (True, "c")
    assert [each.reason for each in page.rejected] == [REASONS[kind] for kind in kinds if kind]
    assert all(json.loads(each.raw) is not None for each in page.rejected if each.raw != "null")


def rejected(kind: str, number: int = 0, **fields: Any) -> RejectedRecord:
    """A conversation as a bad record of this kind, as a page has it."""
    record = json.dumps(conversation(number, **fields)).encode()
    good = json.dumps(conversation(50)).encode()
    (found,) = parse_page(page_of([bad_record(kind, record), good]), BOT_ID, UTC).rejected
    return found


def known_as(*records: RejectedRecord) -> dict[str, int | None]:
    """By id, when the conversations began, as a run knows it of the table."""
    starts = {each.rejected_id: each.key["created_at"] for each in records}
    return {name: at and microseconds(at) for name, at in starts.items()}


@pytest.mark.parametrize("kind", sorted(set(BAD_RECORDS) - UNTOLD))
def test_a_later_good_version_is_recognised_and_another_conversation_is_not(kind: str) -> None:
    bad, other = rejected(kind, 1), rejected(kind, 2)
    later = conversation(1, lastActivity="2026-06-20T10:00:00", resolutionStatus="resolved")
    later["messages"].append({"id": "m2", "content": "more"})

    found = ids_of_good(batch_of(page_of([json.dumps(later).encode()])), known_as(bad, other))

    assert found == {bad.rejected_id}


def test_a_conversation_that_began_in_the_same_second_is_another_one() -> None:
    bad = rejected("null_id", 1)
    same_start = conversation(1, sessionId="other", messages=[{"id": "other"}])

    found = ids_of_good(batch_of(page_of([json.dumps(same_start).encode()])), known_as(bad))

    assert found == set()


@pytest.mark.parametrize("kind", BAD_RECORDS)
def test_a_record_has_another_version_if_it_changes_and_the_same_if_not(kind: str) -> None:
    changed = rejected(kind, 1, helpful=7)

    assert rejected(kind, 1).version == rejected(kind, 1).version
    assert (changed.version != rejected(kind, 1).version) == (kind not in UNTOLD)
    assert (changed.rejected_id == rejected(kind, 1).rejected_id) or kind in UNTOLD


@pytest.mark.parametrize(
    ("field", "levels"),
    [("userForm", 1), ("summary", 1), ("unknown", 1), ("messages", 1), ("content", 3)],
)
@pytest.mark.parametrize("depth", [MAX_NESTING, MAX_NESTING + 1, 980, 1025, 50_000])
def test_a_record_is_loaded_up_to_the_limit_of_nesting(field: str, levels: int, depth: int) -> None:
    nested = b"[" * (depth - levels) + b"]" * (depth - levels)
    fields = {"messages": [{"content": "DEEP"}]} if field == "content" else {field: "DEEP"}
    record = json.dumps(conversation(1, **fields)).encode().replace(b'"DEEP"', nested)

    batch = batch_of(page_of([record, json.dumps(conversation(2)).encode()]))

    is_loaded = depth <= MAX_NESTING
    assert list(batch.session_ids) == (["s1", "s2"] if is_loaded else ["s2"])
    assert [each.key["session_id"] for each in batch.rejected] == ([] if is_loaded else ["s1"])


@pytest.mark.parametrize(
    ("kind", "count", "problem"),
    [
        ("no_id", 10, "none of 10 conversations can be read: of the first, it has no sessionId"),
        ("other_bot", 2, "it holds only another bot's rows"),
    ],
)
def test_a_page_that_may_be_no_page_of_this_listing_is_refused(
    kind: str, count: int, problem: str
) -> None:
    records = [json.dumps(conversation(number)).encode() for number in range(count)]

    with pytest.raises(WrongShapeError, match=problem):
        parse_page(page_of([bad_record(kind, each) for each in records]), BOT_ID, UTC)


@pytest.mark.parametrize(("kind", "count"), [("no_id", 9), ("other_bot", 1), ("too_deep", 1)])
def test_a_few_bad_records_may_be_alone_on_their_page(kind: str, count: int) -> None:
    records = [json.dumps(conversation(number)).encode() for number in range(count)]

    page = parse_page(page_of([bad_record(kind, each) for each in records]), BOT_ID, UTC)

    assert (len(page.rejected), page.records(READ_AT).session_ids) == (count, [])


@given(values=st.lists(ANY_JSON, max_size=5))
def test_a_page_is_split_into_its_records(values: list[Any]) -> None:
    page = {"first": [{}], "conversations": values, "pagination": {"conversations": [1, 2]}}

    envelope, records = split_page(json.dumps(page).encode())

    assert [json.loads(record) for record in records] == json.loads(json.dumps(values))
    assert json.loads(envelope) == page | {"conversations": []}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"pagination": {}}',
        b'{"conversations": [{"sessionId": "a"}, {"sessi',
        b'{"conversations": [{"sessionId": "a"}], "pagination": {"hasMore": fals',
        b'{"conversations": [}], "pagination": {}}}',
        b"<html>{[]}</html>",
    ],
)
def test_a_body_that_is_cut_or_is_no_page_is_not_salvaged(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_page(body + b"\xff", BOT_ID, UTC)
    assert not isinstance(raised.value, WrongShapeError)
