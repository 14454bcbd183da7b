"""Characters that no warehouse can store are replaced; names and ids stay different."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chatislav_source.records.sanitize import (
    REPLACEMENT,
    UNSTORABLE,
    sanitized,
    sanitized_key,
    session_key,
)
from tests.json_values import ANY_JSON, NASTY_TEXT, leaves, signs

SURROGATE = chr(0xD800)


@given(ANY_JSON)
@example({"a\0": 1, "a" + SURROGATE: [{"b\0": 2, "b\ufffd": 3}], "a\ufffd": 4})
def test_sanitized_values_can_be_stored_and_keep_all_names(value: Any) -> None:
    before = deepcopy(value)

    result, count = sanitized(value)

    assert not UNSTORABLE.search(signs(result))
    assert count == len(UNSTORABLE.findall(signs(value)))
    assert len(leaves(result)) == len(leaves(value))
    assert value == before


def test_a_text_without_unstorable_characters_is_unchanged() -> None:
    assert sanitized({"ž": ["Ђ", "😀", REPLACEMENT]}) == ({"ž": ["Ђ", "😀", REPLACEMENT]}, 0)


@given(NASTY_TEXT, NASTY_TEXT)
@example("a\0", "a\ud800")
@example("a\0", "a\ufffd")
@example("a\0", sanitized_key("a\0"))
def test_different_ids_stay_different_when_sanitized(one: str, other: str) -> None:
    keys = sanitized_key(one), sanitized_key(other)

    assert (keys[0] == keys[1]) == (one == other)
    assert not any(UNSTORABLE.search(key) for key in keys)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd")))
def test_an_ordinary_id_is_stored_as_it_is(text: str) -> None:
    assert sanitized_key(text) == text


@given(NASTY_TEXT, NASTY_TEXT)
def test_different_session_ids_of_any_length_have_different_keys(one: str, other: str) -> None:
    long, longer = one * 400 + "x" * 2600, other * 400 + "x" * 2600

    assert (session_key(long) == session_key(longer)) == (long == longer)
    assert len(session_key(long).encode()) <= 2600


def test_a_session_id_that_an_index_holds_is_its_own_key() -> None:
    assert session_key("я" * 1300) == "я" * 1300
    assert session_key("я" * 1301) != "я" * 1301
