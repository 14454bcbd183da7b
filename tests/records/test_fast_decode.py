"""Fast decoding makes the same rows as tolerant decoding, or refuses the page."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatislav_source.records.columns import column_array
from chatislav_source.records.convert import (
    ParsedPage,
    TolerantPage,
    parse_page,
    record_batches,
    tolerant_page,
)
from chatislav_source.records.fast_decode import FastPage, decode_page
from chatislav_source.records.fast_rows import fast_batches
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.record_batch import RecordBatch
from tests.records.examples import DOCUMENTED

READ_AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
BOT_ID = 123
TEXTS = st.none() | st.text(st.characters(codec="utf-8"), max_size=8)
TIMES = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.isoformat()
)
MESSAGES = st.fixed_dictionaries(
    {}, optional={"id": TEXTS, "createdAt": TIMES, "role": TEXTS, "content": TEXTS}
)
SUMMARIES = st.none() | st.fixed_dictionaries(
    {}, optional={"sentiment": TEXTS, "resolution_status": TEXTS, "score": st.integers()}
)
CONVERSATIONS = st.fixed_dictionaries(
    {
        "sessionId": st.text("abc|?-", min_size=1, max_size=6),
        "botId": st.just(BOT_ID),
        "messages": st.lists(MESSAGES, max_size=3),
    },
    optional={
        "companyId": TEXTS,
        "createdAt": TIMES,
        "lastActivity": TIMES,
        "channel": TEXTS,
        "resolutionStatus": TEXTS,
        "humanTakeover": st.none() | st.booleans(),
        "helpful": st.none() | st.integers(-(2**63), 2**63 - 1),
        "feedbackComment": TEXTS,
        "summary": SUMMARIES,
        "userForm": st.none() | st.lists(st.integers(0, 9) | st.text("ab", max_size=3), max_size=2),
        "contact": st.none()
        | st.fixed_dictionaries({}, optional={"ipAddress": TEXTS, "phoneNumber": TEXTS}),
    },
)


def body_of(items: list[Any], **pagination: Any) -> bytes:
    """A page as the API sends it."""
    page = {"conversations": items, "pagination": {"limit": 50, "hasMore": False} | pagination}
    return json.dumps(page, ensure_ascii=False).encode()


def fast(body: bytes, flagged: set[int] | None = None) -> RecordBatch | None:
    """The rows by fast decoding; None if it refuses the page."""
    page = decode_page(body, BOT_ID)
    batches = fast_batches([page.records(READ_AT, flagged)]) if page else None
    return batches[0] if batches else None


def tolerant(body: bytes, flagged: set[int] | None = None) -> RecordBatch:
    """The rows by tolerant decoding."""
    return batch_of(tolerant_page(*decode(body), BOT_ID, UTC, body), 0, flagged)


def comparable(rows: RecordBatch) -> tuple[Any, ...]:
    """The values of all rows; JSON columns as values, as white space in them may differ."""
    conversations = rows.conversations.to_pylist()
    for row in conversations:
        for name in ("summary", "user_form"):
            row[name] = row[name] and [json.loads(row[name])]  # null is not the JSON text of null
    messages = rows.messages.to_pylist()
    ids, versions = list(rows.session_ids), list(rows.versions)
    known = (rows.has_messages, ids, versions, rows.created, rows.active)
    return conversations, messages, rows.parents.to_pylist(), known


FLAGGED = st.none() | st.sets(st.text("abc|?-", min_size=1, max_size=6).map(hash))


@given(items=st.lists(CONVERSATIONS, max_size=2), flagged=FLAGGED, with_first=st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw builds tables of signs
def test_fast_and_tolerant_decoding_make_the_same_rows(
    items: list[Any], flagged: set[int] | None, with_first: bool
) -> None:
    body = body_of(items)
    if flagged is not None and with_first:
        flagged |= {hash(item["sessionId"]) for item in items[:1]}

    rows = fast(body, flagged)

    if rows is not None:
        keys = [hash(item["sessionId"]) for item in items]
        expected = [None if flagged is None else key in flagged for key in keys]
        assert rows.conversations["guardrail_flagged"].to_pylist() == expected
        assert comparable(rows) == comparable(tolerant(body, flagged))
        assert rows.conversations.schema == tolerant(body).conversations.schema


def test_a_page_as_documented_is_decoded_fast() -> None:
    message = {
        "id": "m",
        "createdAt": "2026-06-23T10:15:00",
        "role": "user",
        "content": "Здраво 🙂",
    }
    item = DOCUMENTED | {"botId": BOT_ID, "messages": [message]}
    body = body_of([item])

    rows = fast(body)

    assert rows is not None
    assert comparable(rows) == comparable(tolerant(body))


ANY_TIME = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M}Z"),
    st.sampled_from(
        [
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59.999999-00:01",
            "2026-06-23",
            "20260623T1015",
            "2026-06-23T10:15:00.123456789",
            "2026-06-23T10:15:00,5z",
            "2026-06-23T24:00:00",
            "2026-02-29T00:00:00",
            "2026-W26-2",
            " 2026-06-23",
            "",
        ]
    ),
    st.none(),
)


@given(ANY_TIME, ANY_TIME)
def test_times_are_the_same_by_tolerant_decoding(
    created_at: str | None, last_activity: str | None
) -> None:
    item = {"sessionId": "s", "botId": BOT_ID, "messages": []}
    expected, unrepresentable = column_array([created_at, last_activity], "timestamp", UTC)

    page = decode_page(
        body_of([item | {"createdAt": created_at, "lastActivity": last_activity}]), BOT_ID
    )

    created, active = expected.cast(pa.int64()).to_pylist()
    moments = page and (page.created, page.active)
    assert moments == (None if unrepresentable else ([created], [active]))


GOOD = {
    "sessionId": "s",
    "botId": BOT_ID,
    "createdAt": "2026-06-23T10:15:00",
    "messages": [{"content": "x"}],
}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(GOOD | {"priority": 1}, id="unknown field"),
        pytest.param(GOOD | {"contact": {"email": "x"}}, id="unknown field of the contact"),
        pytest.param(GOOD | {"messages": [{"tool": 1}]}, id="unknown field of a message"),
        pytest.param(GOOD | {"messages": [None]}, id="a message that is null"),
        pytest.param(GOOD | {"messages": ["x"]}, id="a message that is text"),
        pytest.param(GOOD | {"messages": [{"id": 5}]}, id="a message's id that is a number"),
        pytest.param(GOOD | {"messages": None}, id="unknown messages"),
        pytest.param({"sessionId": "s", "botId": BOT_ID}, id="absent messages"),
        pytest.param(GOOD | {"helpful": True}, id="a rating that is a boolean"),
        pytest.param(GOOD | {"helpful": 2**63}, id="a number beyond 64 bits"),
        pytest.param(GOOD | {"companyId": 123}, id="a number for a text"),
        pytest.param(GOOD | {"botId": 124}, id="another bot"),
        pytest.param(GOOD | {"sessionId": ""}, id="no id"),
        pytest.param(GOOD | {"summary": ["x"]}, id="a summary that is a list"),
        pytest.param(GOOD | {"summary": {"sentiment": 1}}, id="a sentiment that is a number"),
        pytest.param(GOOD | {"channel": "a\0b"}, id="a NUL"),
        pytest.param(GOOD | {"createdAt": "yesterday"}, id="no date"),
    ],
)
def test_a_page_that_is_not_as_documented_is_decoded_tolerantly(item: Any) -> None:
    assert fast(body_of([GOOD | {"sessionId": "other"}, item])) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("1e999999", '"1e999999"', id="a number no warehouse holds"),
        pytest.param("-1E-999999", '"-1E-999999"', id="a number too small"),
        pytest.param("9" * 140_000, '"' + "9" * 140_000 + '"', id="a number too long"),
        pytest.param("NaN", '"NaN"', id="NaN"),
        pytest.param('{"b": 1, "b": 2}', '{"b":2,"b#1":1}', id="a name that comes twice"),
    ],
)
@pytest.mark.parametrize("name", ["summary", "userForm"])
def test_a_json_column_has_only_what_each_warehouse_takes(name: str, text: str, shown: str) -> None:
    field = {name: {"a": "y"}}
    body = body_of([GOOD | field]).replace(b'"y"', text.encode())

    page = parse_page(body, BOT_ID, UTC)

    rows = record_batches([page.records(READ_AT)])[0].conversations.to_pylist()
    column = "summary" if name == "summary" else "user_form"
    assert rows[0][column] == f'{{"a":{shown}}}'


def test_a_session_id_of_any_length_has_a_key_that_an_index_holds() -> None:
    ids = ["я" * 3000 + end for end in "ab"]
    body = body_of([GOOD | {"sessionId": each} for each in ids])

    page = parse_page(body, BOT_ID, UTC)

    batch = record_batches([page.records(READ_AT)])[0]
    rows = batch.conversations.to_pylist()
    keys = [row["session_id"] for row in rows]
    assert len(set(keys)) == 2
    assert all(len(key.encode()) <= 2600 for key in keys)
    assert [json.loads(row["extra"])["sessionId"] for row in rows] == ids
    assert [row["session_id"] for row in batch.messages.to_pylist()] == keys


def test_a_page_where_only_some_times_have_an_offset_makes_the_same_rows() -> None:
    times = {"createdAt": "2026-06-23T10:15:00+02:00", "lastActivity": "2026-06-23T10:15:00"}
    body = body_of([GOOD | {"sessionId": "other"}, GOOD | times])

    rows = fast(body)

    assert rows is not None
    assert comparable(rows) == comparable(tolerant(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="truncated"),
        pytest.param(b'{"conversations": [], "pagination": {}}', id="no hasMore"),
        pytest.param(body_of([GOOD], hasMore=True), id="hasMore without a token"),
        pytest.param(body_of([GOOD]).replace(b'"x"', b'"\\ud800"'), id="a lone surrogate"),
        pytest.param(
            body_of([GOOD | {"summary": {"x": "y"}}]).replace(b'"y"', b'"\\ud800"'),
            id="a lone surrogate in a json column",
        ),
        pytest.param(body_of([GOOD]).replace(b'"x"', b'"\xff"'), id="not UTF-8"),
        pytest.param(
            body_of([GOOD | {"summary": {"x": "y"}}]).replace(b'"y"', b'"\xff"'),
            id="not UTF-8 in a json column",
        ),
        pytest.param(
            body_of([GOOD | {"summary": {"x": "y"}}]).replace(
                b'"y"', b"[" * 50_000 + b"]" * 50_000
            ),
            id="nested too deep",
        ),
    ],
)
def test_a_body_that_may_be_damaged_is_refused_by_fast_decoding(
    body: bytes,
) -> None:
    assert decode_page(body, BOT_ID) is None


def test_json_columns_of_several_lines_are_decoded_tolerantly() -> None:
    item = GOOD | {"messages": [], "summary": {"x": "y"}}

    assert fast(body_of([item])) is not None
    assert fast(body_of([item]).replace(b'"y"', b'\n"y"')) is None


def test_the_version_differs_if_any_value_differs() -> None:
    changes = [{}, {"channel": "viber"}, {"summary": {"sentiment": "x"}}, {"messages": [{}]}]
    pages = [decode_page(body_of([GOOD | change]), BOT_ID) for change in changes]

    versions = {each for page in pages if page for each in page.records(READ_AT).versions}

    assert len(versions) == len(changes)


def test_an_empty_page_has_empty_tables() -> None:
    rows = fast(body_of([]))

    assert rows is not None
    assert rows.messages.num_rows == rows.conversations.num_rows == 0
    assert rows.parents.type == pa.int32()


def batch_of(page: ParsedPage, number: int = 0, flagged: set[int] | None = None) -> RecordBatch:
    """The rows of a single page, read `number` seconds after the first."""
    (batch,) = record_batches([page.records(READ_AT + timedelta(seconds=number), flagged)])
    return batch


ODD = [
    {"sessionId": "odd", "botId": BOT_ID, "messages": [{"content": 5}]},
    {"sessionId": "odd", "botId": BOT_ID, "messages": [{"tool": 1}, None]},
    {"sessionId": "odd", "botId": BOT_ID, "messages": None},
    {"sessionId": "odd", "botId": BOT_ID, "messages": [], "priority": 1},
    {"sessionId": "odd", "botId": BOT_ID, "messages": [{"content": "a\0b"}]},
]


@given(
    pages=st.lists(st.lists(CONVERSATIONS | st.sampled_from(ODD), max_size=3), max_size=4),
)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_pages_together_make_the_rows_that_each_makes_alone(pages: list[list[Any]]) -> None:
    bodies = [body_of(items) for items in pages]
    parsed = [parse_page(body, BOT_ID, UTC) for body in bodies]

    together = record_batches(
        [page.records(READ_AT + timedelta(seconds=number)) for number, page in enumerate(parsed)]
    )

    for number, (one, page, body) in enumerate(zip(together, parsed, bodies, strict=True)):
        alone = batch_of(page, number)
        tolerant_one = batch_of(tolerant_page(*decode(body), BOT_ID, UTC, body), number)
        assert comparable(one) == comparable(alone) == comparable(tolerant_one)
        assert page.replaced_characters == body.count(b"\\u0000")


def test_only_pages_as_documented_in_utc_are_decoded_fast() -> None:
    body = body_of([GOOD])

    assert isinstance(parse_page(body, BOT_ID, UTC), FastPage)
    assert isinstance(parse_page(body, BOT_ID, ZoneInfo("Europe/Belgrade")), TolerantPage)
    assert isinstance(parse_page(body_of([ODD[3]]), BOT_ID, UTC), TolerantPage)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(GOOD | {"sessionId": ""}, id="an empty id"),
        pytest.param({"messages": []}, id="no id"),
        pytest.param("x", id="no object"),
        pytest.param(GOOD | {"botId": BOT_ID + 1}, id="another bot"),
    ],
)
def test_a_conversation_that_cannot_be_identified_is_set_aside_alone(item: Any) -> None:
    page = parse_page(body_of([GOOD, item]), BOT_ID, UTC)

    assert comparable(batch_of(page)) == comparable(tolerant(body_of([GOOD])))
    assert len(page.rejected) == 1


def test_days_of_messages_need_no_rows() -> None:
    messages = [{"createdAt": f"2026-06-0{day}T10:00:00"} for day in (1, 3, 3)]
    item = GOOD | {"messages": [*messages, {}]}
    page = decode_page(body_of([item, GOOD | {"messages": ["x"]}]), BOT_ID)
    assert page

    records = page.records(READ_AT)

    assert records.days_of_messages(0) == {date(2026, 6, 1), date(2026, 6, 3)}
    assert records.days_of_messages(1) == set()


def test_fast_and_tolerant_records_have_the_days_of_messages() -> None:
    items = [GOOD | {"messages": [{"createdAt": "2026-06-01T10:00:00"}, {}]}, GOOD]
    fast_page = parse_page(body_of(items), BOT_ID, UTC)
    other = tolerant_page(*decode(body_of(items)), BOT_ID, UTC)

    for page in (fast_page, other):
        records = page.records(READ_AT)
        assert [records.days_of_messages(n) for n in (0, 1)] == [{date(2026, 6, 1)}, set()]
