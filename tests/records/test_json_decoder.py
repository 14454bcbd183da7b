"""Every JSON value is decoded without loss, and anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.records.json_decoder import decode, has_wide_number
from tests.json_values import ANY_JSON, signs


@given(ANY_JSON, st.booleans())
def test_every_json_value_is_decoded_as_it_was_written(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    decoded, _ = decode(body)

    assert repr(decoded) == repr(value)  # 1, 1.0 and True are equal, but not the same


@given(ANY_JSON)
def test_a_value_that_needs_sanitizing_is_always_found(value: Any) -> None:
    body = json.dumps(value).encode()
    is_unstorable = any("\ud800" <= sign <= "\udfff" or sign == "\0" for sign in signs(value))

    _, needs_sanitizing = decode(body)

    assert needs_sanitizing or not is_unstorable


@given(
    st.integers(2**64, 2**300).flatmap(lambda n: st.sampled_from([n, -n])),
    st.integers(0, 3),
    st.sampled_from(["conversations", "a"]),
)
def test_an_integer_beyond_64_bits_keeps_its_digits_at_any_place(
    number: int, depth: int, name: str
) -> None:
    value: Any = number
    for _ in range(depth):
        value = {name: [{"id": value}]}

    assert decode(json.dumps(value).encode())[0] == value


@pytest.mark.parametrize(
    "digits",
    [
        *("1e999", "-1e999", "1e999999", "9" * 5000, "1e-999", "-0.5E-999999"),
        *("NaN", "Infinity", "-Infinity"),
    ],
)
def test_a_number_that_python_cannot_represent_becomes_text(digits: str) -> None:
    assert decode(f'{{"n": {digits}}}'.encode())[0] == {"n": digits}


@pytest.mark.parametrize("zero", ["0e-999", "-0.0e999", "0.00"])
def test_a_zero_of_any_length_is_a_number(zero: str) -> None:
    assert decode(f'{{"n": {zero}}}'.encode())[0] == {"n": 0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "a": 2}', {"a": 2, "a#1": 1}),
        ('{"a":1,"b":3,"a":2,"a":4}', {"a": 4, "b": 3, "a#1": 1, "a#2": 2}),
        ('{"a": 1, "a#1": 5, "a": 2}', {"a": 2, "a#1": 5, "a#2": 1}),
        ('[{"b" : {"a" : [], "a" : {}}}]', [{"b": {"a": {}, "a#1": []}}]),
        ('{"a": 1, "a": true}', {"a": True, "a#1": 1}),
        ('{"a": "x", "a": "x"}', {"a": "x"}),
    ],
)
def test_no_value_of_a_name_that_comes_twice_is_lost(text: str, value: Any) -> None:
    decoded, _ = decode(text.encode())

    assert repr(decoded) == repr(value)


def test_small_decimals_are_decoded_once() -> None:
    assert not has_wide_number({"a": [1.5, {"b": -0.25}], "c": 2**63, "d": "1e20"})
    assert has_wide_number({"a": [{"b": [1e16]}]})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="html"),
        pytest.param(b'{"conversations": [{"sessionId"', id="truncated"),
        pytest.param(b"nan", id="nan"),
        pytest.param(b'{"n": Inf}', id="inf"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"[" * 50_000 + b"]" * 50_000, id="nested without end"),
        pytest.param(b"{} {}", id="two values"),
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(body)


def test_a_byte_order_mark_is_ignored() -> None:
    assert decode(b'\xef\xbb\xbf{"a": 1}')[0] == {"a": 1}
