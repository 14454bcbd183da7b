"""Keyed hashes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.hashing import (
    HASH,
    SERBIAN,
    Key,
    Kind,
    e164,
    key_of,
    keyed_hash,
    keys_of,
    kind_of,
    normalised,
)

SECRET = "a made-up secret of 32 bytes, ok"
OLD_SECRET = "the secret that was used until.."
KEY = Key(SECRET.encode())


@pytest.mark.parametrize(
    ("kind", "spellings", "expected"),
    [
        pytest.param(
            "phone",
            [
                *("+381601234567", "060 123-45-67", "00381601234567", "381601234567"),
                *(" +381 (0)60/123.45.67 ", "tel:+381-60-123-4567", "601234567"),
            ],
            "+381601234567",
            id="Serbian phone",
        ),
        pytest.param("phone", ["+1 650 253 0000", "16502530000"], "+16502530000", id="other phone"),
        pytest.param("phone", ["12 345", "12345"], "12345", id="no phone number"),
        pytest.param(
            "email", ["Ana@Example.COM", " ana@example.com"], "ana@example.com", id="mail"
        ),
        pytest.param(
            "ip", ["203.0.113.7", " 203.0.113.7", "::ffff:203.0.113.7"], "203.0.113.7", id="IPv4"
        ),
        pytest.param("ip", ["2001:DB8:0:0:0:0:0:1", "[2001:db8::1]"], "2001:db8::1", id="IPv6"),
        pytest.param("session_id", ["AbC 1"], "AbC 1", id="session id"),
        pytest.param("text", [" Ana "], " Ana ", id="text"),
    ],
)
def test_every_spelling_of_a_value_is_normalised_to_one(
    kind: Kind, spellings: list[str], expected: str
) -> None:
    assert {normalised(kind, text) for text in spellings} == {expected}


@given(st.from_regex(SERBIAN, fullmatch=True))
def test_a_serbian_number_in_e164_is_its_own_spelling(text: str) -> None:
    assert e164(text) in (text, None)
    assert normalised("phone", text) == text


def test_a_hash_names_its_key_and_is_the_known_hmac() -> None:
    hashed = keyed_hash(KEY, "+381601234567")

    assert hashed == f"h{KEY.id}_a057f89847b559ced14528ca"
    assert HASH.fullmatch(hashed)


def test_another_key_makes_another_hash_with_another_id() -> None:
    other = Key(OLD_SECRET.encode())

    hashes = [keyed_hash(key, "+381601234567").split("_") for key in (KEY, other)]

    assert hashes[0][0] != hashes[1][0]
    assert hashes[0][1] != hashes[1][1]


def test_the_secret_is_in_no_repr() -> None:
    keys = keys_of(SECRET, OLD_SECRET)

    assert "secret" not in repr(keys)


def test_a_value_is_looked_for_under_both_keys() -> None:
    keys = keys_of(SECRET, OLD_SECRET)
    assert keys is not None

    assert keys.hashes("phone", "060 1234567") == (
        keyed_hash(KEY, "+381601234567"),
        keyed_hash(Key(OLD_SECRET.encode()), "+381601234567"),
    )


@pytest.mark.parametrize("value", ["x" * 31, 12345678901234567890123456789012345, ["k"], b"x" * 40])
def test_a_key_that_is_not_text_of_32_bytes_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 bytes") as refused:
        key_of("key", value)

    assert str(value) not in str(refused.value)


def test_32_bytes_are_enough_also_of_fewer_characters() -> None:
    assert key_of("key", "š" * 16) == Key(("š" * 16).encode())


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_key_that_is_empty_counts_as_not_given(value: str | None) -> None:
    assert key_of("key", value) is None


def test_a_previous_key_alone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("previous_key, but no key")):
        keys_of(None, OLD_SECRET)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ana@example.com", "email"),
        ("203.0.113.7", "ip"),
        ("2001:db8::1", "ip"),
        ("060 123 4567", "phone"),
        ("1234567890123456", "text"),
        ("Ana", "text"),
        ("", "text"),
    ],
)
def test_the_kind_of_a_value_of_a_form_is_recognised(text: str, kind: Kind) -> None:
    assert kind_of(text) == kind
