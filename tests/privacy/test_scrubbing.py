"""Scrubbing of texts, and masks."""

from __future__ import annotations

import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatislav_source.privacy.masking import masked, masked_ip, masked_phone
from chatislav_source.privacy.scrubbing import MAY_HOLD, scrubbed
from tests.default_suite import mostly_slow

CHANGED = [
    ("Zovite me na 060/123-45-67, hvala", "Zovite me na [phone], hvala"),
    ("Moj broj je +381 60 123 45 67.", "Moj broj je [phone]."),
    ("Моj број је 0601234567, хвала", "Моj број је [phone], хвала"),
    ("Позовите (011) 2345-678 после 17ч", "Позовите [phone] после 17ч"),
    ("Call 0049 170 1234567 or +1 650 253 0000", "Call [phone] or [phone]"),
    ("060 1234567 061 7654321", "[phone] [phone]"),
    ("broj060 1234567", "broj[phone]"),
    ("060\n1234567", "[phone]"),
    ("wa.me/381601234567", "wa.me/[phone]"),
    ("Pišite na Ana.Petrovic+crm@primer.co.rs!", "Pišite na [email]!"),
    ("имејл ана@пример.срб", "имејл [email]"),
    ("mailto:ana@example.com?x", "mailto:[email]?x"),
    ("Račun RS35 2600 0560 1001 6113 79 HVALA", "Račun [iban] HVALA"),
    ("рачун: rs35260005601001611379", "рачун: [iban]"),
    ("IBAN DE89370400440532013000,", "IBAN [iban],"),
    ("kartica 4111 1111 1111 1111 12/27", "kartica [card] 12/27"),
    ("картица 5555-5555-5555-4444", "картица [card]"),
    ("broj 12 4111111111111111", "broj 12 [card]"),
    ("ana@example.com 0601234567", "[email] [phone]"),
]
UNCHANGED = [
    "",
    "Dobar dan, gde je moja pošiljka 1234567890123?",
    "Пошиљка 7312345678901234",
    "Narudžbina 2026-001234 od 12.05.2026. u 14:30",
    "Cena je 12.500,00 RSD, rok 3-5 dana",
    "a @ b, @ana",
    "RS35 2600 0560 1001 7113 79",
    "kartica 4111 1111 1111 1112",
]


@pytest.mark.parametrize(("text", "expected"), CHANGED)
def test_what_is_found_is_replaced_by_its_kind(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize("text", UNCHANGED)
def test_other_numbers_and_words_stay(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize("text", [text for text, _ in CHANGED])
def test_the_quick_search_finds_every_text_that_changes(text: str) -> None:
    assert pc.match_substring_regex(pa.array([text]), MAY_HOLD).to_pylist() == [True]


@given(st.text(alphabet="0123456789 +-/().@abRS\n", max_size=60))
@settings(max_examples=150, deadline=None)
def test_a_text_that_the_quick_search_leaves_out_does_not_change(text: str) -> None:
    if not pc.match_substring_regex(pa.array([text]), MAY_HOLD)[0].as_py():
        assert scrubbed(text) == text


PARTS = [
    "1",
    "1 ",
    "(1",
    "+",
    "a",
    "@",
    "a@",
    "a.",
    "ab12 ",
    "AB12",
    "0601234567 ",
    "06 ",
    "4-",
    "-",
]


@pytest.mark.parametrize("part", mostly_slow(PARTS, "(1", "a@"))
def test_the_time_is_linear_in_the_length_whatever_the_text(part: str) -> None:
    def seconds(characters: int) -> float:
        text = part * (characters // len(part))
        begun = time.process_time()
        scrubbed(text)
        return time.process_time() - begun

    seconds(200)

    assert seconds(16_000) < 8 * seconds(4_000) + 0.05


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("203.0.113.7:443", None),
        ("Ana", None),
    ],
)
def test_an_ip_address_is_masked_to_its_network(text: str, expected: str | None) -> None:
    assert masked_ip(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("060/123-45-67", "+381*******67"), ("+1 650 253 0000", "+1********00"), ("12345", None)],
)
def test_a_phone_is_masked_to_country_and_last_digits(text: str, expected: str | None) -> None:
    assert masked_phone(text) == expected


def test_a_value_that_cannot_be_masked_is_not_shown() -> None:
    assert [masked(text) for text in ("Ana", "ana@example.com")] == [None, None]
