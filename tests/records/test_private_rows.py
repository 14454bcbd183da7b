"""The rules for JSON values, and for columns of Arrow tables."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from chatislav_source.privacy.hashing import Key, keyed_hash
from chatislav_source.privacy.settings import PrivacySettings, checked_settings
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.private.policy import policy_of
from chatislav_source.records.private.rows import private
from chatislav_source.records.rejected.page_text import MAX_NESTING
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table

SECRET = "a made-up secret of 32 bytes, ok"
PHONE = "060 1234567"


def hashed(value: str) -> str:
    """The hash of a normalised value."""
    return keyed_hash(Key(SECRET.encode()), value)


def settings_of(**columns: str) -> PrivacySettings:
    """Settings with these actions only."""
    return checked_settings({"columns": columns, "key": SECRET}, "key")


def applied(
    settings: PrivacySettings, column: str, value: Any, table: Table = CONVERSATIONS
) -> Any:
    """What becomes of one value of a column."""
    schema = table.arrow_schema
    text = json.dumps(value) if column in ("extra", "summary", "user_form") else value
    arrays = [pa.array([text if f.name == column else None], f.type) for f in schema]
    arrays[schema.get_field_index("bot_id")] = pa.array([1])
    rows = pa.table(arrays, names=schema.names)
    left = private(policy_of(settings), table, rows)[column][0].as_py()
    return left if left is None or text is value else json.loads(left)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("keep", {"tel": PHONE, "n": [1, None, "Ana"], "ok": True, PHONE: {}}),
        ("scrub", {"tel": "[phone]", "n": [1, None, "Ana"], "ok": True, "[phone]": {}}),
        ("mask", {"tel": "+381*******67", "n": [None] * 3, "ok": None, "[phone]": {}}),
        (
            "hash",
            {
                "tel": hashed("+381601234567"),
                "n": [hashed("1"), None, hashed("Ana")],
                "ok": hashed("True"),
                "[phone]": {},
            },
        ),
        ("drop", None),
    ],
)
def test_an_action_is_applied_to_every_value_in_json(action: str, expected: Any) -> None:
    form = {"tel": PHONE, "n": [1, None, "Ana"], "ok": True, PHONE: {}}

    assert applied(settings_of(user_form=action), "user_form", form) == expected


def test_a_key_path_has_its_own_action_also_within_lists() -> None:
    settings = settings_of(**{"user_form": "drop", "user_form.people.city": "keep"})
    form = {"people": [{"city": "Niš", "name": "Ana"}, {"name": "Eva"}], "note": "x"}

    assert applied(settings, "user_form", form) == {"people": [{"city": "Niš"}]}


def test_the_summary_follows_its_strictest_part() -> None:
    summary = {"sentiment": "positive", "text": "Ana"}

    assert applied(settings_of(summary__sentiment="drop"), "summary", summary) is None
    explicit = settings_of(summary__sentiment="drop", summary="keep")
    assert applied(explicit, "summary", summary) == {"text": "Ana"}


@pytest.mark.parametrize("table", [CONVERSATIONS, MESSAGES])
def test_extra_follows_the_strictest_column(table: Table) -> None:
    settings = settings_of(contact__phone_number="hash", content="scrub")

    left = applied(settings, "extra", {"contact": {"phoneNumber": PHONE, "x": "Ana"}}, table)

    assert left == {"contact": {"phoneNumber": hashed("+381601234567"), "x": hashed("Ana")}}


def test_an_own_action_of_extra_does_not_free_what_columns_must_hide() -> None:
    settings = settings_of(contact__phone_number="drop", extra="keep")

    left = applied(settings, "extra", {"contact": {"phoneNumber": [PHONE], "x": "Ana"}})

    assert left == {"contact": {"x": "Ana"}}


def test_numbers_beyond_64_bits_keep_their_digits_where_they_are_kept() -> None:
    settings = settings_of(**{"user_form.name": "drop"})

    assert applied(settings, "user_form", {"n": 10**30, "name": "Ana"}) == {"n": 10**30}


@pytest.mark.parametrize("opening", [{"a": None}, [None]])
def test_json_of_the_greatest_depth_is_handled(opening: Any) -> None:
    value: Any = PHONE
    for _ in range(MAX_NESTING - 1):
        value = [value] if isinstance(opening, list) else {"a": value}

    left = applied(settings_of(user_form="scrub"), "user_form", value)

    assert "[phone]" in json.dumps(left)


def test_columns_that_are_no_texts_can_be_dropped() -> None:
    assert applied(settings_of(helpful="drop"), "helpful", 1) is None
    assert applied(settings_of(human_takeover="drop"), "human_takeover", True) is None


def test_null_stays_null_and_equal_values_stay_equal() -> None:
    settings = settings_of(contact__ip_address="hash")
    schema = CONVERSATIONS.arrow_schema
    values = ["::ffff:203.0.113.7", None, "203.0.113.7"]
    arrays = [
        pa.array(values if f.name == "contact__ip_address" else [None] * 3, f.type) for f in schema
    ]
    rows = pa.table(arrays, names=schema.names)

    left = private(policy_of(settings), CONVERSATIONS, rows)["contact__ip_address"].to_pylist()

    assert left == [hashed("203.0.113.7"), None, hashed("203.0.113.7")]


def test_totals_of_periods_have_the_rules_of_those_of_days() -> None:
    policy = policy_of(settings_of(voice="drop", agent_id="hash"))

    assert {*policy.of(ANALYTICS)} == {"voice", "agent_id", "extra"}
    assert policy.of(ANALYTICS_PERIODS) == policy.of(ANALYTICS)
    assert policy.sealing(ANALYTICS_PERIODS) == policy.sealing(ANALYTICS)
