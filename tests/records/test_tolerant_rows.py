"""Every value of a response is stored: in its column, or in `extra` under the API's name."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatislav_source.records.schema import CONVERSATIONS, DELETED, MESSAGES
from chatislav_source.records.tolerant_rows import session_id_of, version_of
from tests.records.examples import (
    DOCUMENTED,
    READ_AT,
    conversation,
    extra,
    messages,
    rows_of,
)
from tests.records.lost import ITEMS, MESSAGE_ITEMS, as_sent, lost_of


def test_every_documented_field_is_in_its_column() -> None:
    rows = rows_of(DOCUMENTED)

    assert rows.conversations.to_pylist() == [
        {
            "bot_id": 123,
            "session_id": "0c7c7f87-2b62-4f20-9f8d-9a8f6a6f7a11",
            "company_id": "123",
            "created_at": datetime(2026, 6, 23, 10, 15, tzinfo=UTC),
            "last_activity": datetime(2026, 6, 23, 10, 17, 20, tzinfo=UTC),
            "channel": "widget",
            "resolution_status": "resolved",
            "human_takeover": False,
            "helpful": 1,
            "feedback_comment": "Helpful answer",
            "summary": '{"sentiment":"positive","resolution_status":"resolved"}',
            "summary__sentiment": "positive",
            "summary__resolution_status": "resolved",
            "user_form": "[]",
            "contact__ip_address": "203.0.113.10",
            "contact__phone_number": None,
            "message_count": 1,
            "guardrail_flagged": None,
            "extra": None,
            "synced_at": READ_AT,
            "_version": version_of(DOCUMENTED, UTC),
            "_dlt_load_id": None,
        }
    ]
    assert rows.messages.to_pylist() == [
        {
            "bot_id": 123,
            "session_id": "0c7c7f87-2b62-4f20-9f8d-9a8f6a6f7a11",
            "message_index": 0,
            "id": "f2df1bb8-884b-4412-b058-57a3b64bd232",
            "created_at": datetime(2026, 6, 23, 10, 15, tzinfo=UTC),
            "role": "user",
            "content": "Hi, can you help?",
            "extra": None,
            "synced_at": READ_AT,
            "_dlt_load_id": None,
            "_deleted": None,
        }
    ]


def test_tables_always_have_the_declared_schema() -> None:
    rows = rows_of(DOCUMENTED, {"sessionId": "s", "helpful": {}, "messages": [1]})

    assert rows.conversations.schema == CONVERSATIONS.arrow_schema
    assert rows.messages.schema == MESSAGES.arrow_schema
    assert rows_of().conversations.schema == CONVERSATIONS.arrow_schema
    assert rows_of().messages.schema == MESSAGES.arrow_schema


def test_times_without_an_offset_are_read_in_the_zone_of_the_api() -> None:
    rows = rows_of(DOCUMENTED, zone=ZoneInfo("Europe/Belgrade"))

    assert rows.conversations["created_at"].to_pylist() == [
        datetime(2026, 6, 23, 8, 15, tzinfo=UTC)
    ]
    assert rows.messages["created_at"].to_pylist() == [datetime(2026, 6, 23, 8, 15, tzinfo=UTC)]


@given(st.lists(ITEMS, min_size=1, max_size=3))
def test_any_object_with_a_session_id_makes_exactly_one_row_without_loss(
    items: list[dict[str, Any]],
) -> None:
    items = [as_sent(item) for item in items]

    rows = rows_of(*items)

    assert rows.conversations.num_rows == len(items)
    for item, row in zip(items, rows.conversations.to_pylist(), strict=True):
        is_ours = isinstance(item.get("messages"), list | None)
        ours = {"sessionId", "botId", *(["messages"] if is_ours else [])}
        assert lost_of(item, row, CONVERSATIONS, ours) == {}


@given(st.lists(MESSAGE_ITEMS, max_size=4))
def test_any_message_makes_exactly_one_row_without_loss(items: list[Any]) -> None:
    items = as_sent(items)

    rows = [row for row in messages(items) if not row[DELETED]]

    assert [row["message_index"] for row in rows] == list(range(len(items)))
    for item, row in zip(items, rows, strict=True):
        as_object = item if isinstance(item, dict) else {"message": item}
        assert lost_of(as_object, row, MESSAGES, set()) == {}


@pytest.mark.parametrize("value", [None, [], "x", 5, {}, {"a": 1}, [1], True])
def test_messages_of_any_shape_do_not_affect_the_conversation(value: Any) -> None:
    rows = rows_of({"sessionId": "s", "messages": value})

    assert rows.conversations.num_rows == 1
    assert rows.has_messages == [isinstance(value, list)]


@pytest.mark.parametrize("fields", [{}, {"messages": None}], ids=["absent", "null"])
def test_unknown_messages_give_no_row_and_no_count(fields: dict[str, Any]) -> None:
    rows = rows_of({"sessionId": "s"} | fields)

    assert rows.messages.num_rows == 0
    assert rows.conversations["message_count"].to_pylist() == [None]
    assert rows.has_messages == [False]


def test_an_empty_list_of_messages_gives_one_row_that_clears_them() -> None:
    rows = rows_of(
        {"sessionId": "a", "messages": [{"id": "1"}]}, {"sessionId": "b", "messages": []}
    )

    assert rows.parents.to_pylist() == [0, 1]
    assert rows.messages["session_id"].to_pylist() == ["a", "b"]
    assert rows.messages["message_index"].to_pylist() == [0, None]
    assert rows.messages[DELETED].to_pylist() == [None, True]
    assert rows.conversations["message_count"].to_pylist() == [1, 0]


def test_messages_that_are_not_a_list_are_kept_in_extra() -> None:
    assert extra(conversation(messages={"m": 1})) == {"messages": {"m": 1}}


def test_messages_keep_the_order_of_the_api_and_their_index() -> None:
    rows = messages([{"content": "b"}, None, {"content": "a"}])

    assert [(row["message_index"], row["content"]) for row in rows] == [
        (0, "b"),
        (1, None),
        (2, "a"),
    ]


def test_a_message_that_is_not_an_object_is_in_extra_unchanged() -> None:
    assert [extra(row) for row in messages(["hi", None])] == [{"message": "hi"}, {"message": None}]


def test_unknown_fields_are_kept_under_their_own_names() -> None:
    row = conversation(newField={"a": [1]}, contact={"ipAddress": "::1", "eMail": "a@b.rs"})

    assert extra(row) == {"newField": {"a": [1]}, "contact": {"eMail": "a@b.rs"}}
    assert row["contact__ip_address"] == "::1"


def test_an_unknown_field_that_is_null_is_null_in_extra() -> None:
    assert extra(conversation(newField=None)) == {"newField": None}


def test_fields_named_like_our_columns_are_not_stored_in_them() -> None:
    row = conversation(session_id="x", bot_id=9, message_count=7, synced_at="now", extra={"e": 1})

    assert (row["session_id"], row["bot_id"], row["message_count"]) == ("s", 123, None)
    assert extra(row) == {
        "session_id": "x",
        "bot_id": 9,
        "message_count": 7,
        "synced_at": "now",
        "extra": {"e": 1},
    }


def test_values_of_a_wrong_type_are_null_in_their_column_and_whole_in_extra() -> None:
    row = conversation(
        helpful="yes", humanTakeover=1, createdAt="soon", contact={"phoneNumber": [1]}
    )

    assert (row["helpful"], row["human_takeover"], row["created_at"]) == (None, None, None)
    assert extra(row) == {
        "helpful": "yes",
        "humanTakeover": 1,
        "createdAt": "soon",
        "contact": {"phoneNumber": [1]},
    }


def test_a_wrong_value_does_not_affect_other_rows_of_its_page() -> None:
    rows = rows_of(
        {"sessionId": "a", "helpful": 1},
        {"sessionId": "b", "helpful": "yes"},
        {"sessionId": "c", "helpful": False},
    )

    assert rows.conversations["helpful"].to_pylist() == [1, None, 0]


@pytest.mark.parametrize("value", ["gone", 5, ["a"], True])
def test_a_contact_that_is_no_object_is_kept_in_extra(value: Any) -> None:
    row = conversation(contact=value)

    assert extra(row) == {"contact": value}
    assert row["contact__ip_address"] is None


@pytest.mark.parametrize("value", ["short", 5, 0, False, "", ["a"], {"sentiment": {"x": 1}}])
def test_a_summary_of_any_shape_is_stored_whole(value: Any) -> None:
    row = conversation(summary=value)

    assert json.loads(row["summary"]) == value
    assert (row["summary__sentiment"], row["extra"]) == (None, None)


def test_integers_beyond_a_double_keep_their_digits_in_json() -> None:
    row = conversation(userForm=[{"n": 2**53 + 1}], newField=2**70, helpful=2**64)

    assert row["user_form"] == '[{"n":9007199254740993}]'
    assert extra(row) == {"newField": 2**70, "helpful": 2**64}


def test_a_message_is_not_changed_by_others_of_its_page() -> None:
    rows = messages([{"id": 2**70, "content": "a"}, {"id": 7, "content": "b"}, {"id": "x"}])

    assert [row["id"] for row in rows] == [str(2**70), "7", "x"]


@pytest.mark.parametrize(
    ("value", "session_id"),
    [
        ("s", "s"),
        ("S", "S"),
        ("a|b?&%/ž", "a|b?&%/ž"),
        (" ", " "),
        (7, "7"),
        (2**70, str(2**70)),
        ("", None),
        (None, None),
        (True, None),
        (1.5, None),
        (["s"], None),
    ],
)
def test_a_session_id_is_text_or_a_whole_number(value: Any, session_id: str | None) -> None:
    assert session_id_of({"sessionId": value}) == session_id


def test_a_session_id_that_is_absent_is_none() -> None:
    assert session_id_of({}) is None


@given(ITEMS)
def test_making_rows_does_not_change_the_response(item: dict[str, Any]) -> None:
    item = as_sent(item)
    before = deepcopy(item)

    rows_of(item)
    version_of(item, UTC)

    assert repr(item) == repr(before)


@given(ITEMS, ITEMS)
@example({"sessionId": "s", "n": 2**70}, {"sessionId": "s", "n": 2**70 + 1})
@example({"sessionId": "s", "n": 1}, {"sessionId": "s", "n": True})
@example({"sessionId": "s", "n": None}, {"sessionId": "s"})
def test_versions_differ_where_conversations_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    one, other = as_sent(one), as_sent(other)
    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (version_of(one, UTC) == version_of(other, UTC)) == is_same


def test_a_version_does_not_depend_on_the_order_of_fields() -> None:
    turned = dict(reversed(DOCUMENTED.items()))

    assert version_of(DOCUMENTED, UTC) == version_of(turned, UTC)


def test_a_repr_of_rows_has_no_message_text() -> None:
    assert "help" not in repr(rows_of(DOCUMENTED))
