"""Scrubbing: replaces phone numbers, e-mail addresses, IBANs and card numbers in texts.

Names, postal addresses and numbers written as words cannot be found this way. The time is linear in
the length of a text: each search looks at a bounded part of it from each place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from chatislav_source.privacy.hashing import REGION, e164

EMAIL, IBAN, CARD, PHONE = "[email]", "[iban]", "[card]", "[phone]"

MAY_HOLD = r"(?s)[@＠]|(?:\p{Nd}.*?){8}"
"""Regular expression of RE2, linear in time, for every text in which something may be replaced."""

LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]")
LOCAL_CHARACTERS = 64  # before the @, RFC 5321
DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}")
# its end is found by `python-stdnum`, which knows the length of each country
IBAN_START = re.compile(r"(?<![^\W_])[A-Za-z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])")
IBAN_CHARACTER = re.compile(r"[ -]{0,2}[A-Za-z0-9]")
MIN_IBAN, MAX_IBAN = 15, 34  # characters, ISO 13616
DIGITS = re.compile(r"\d+")
MIN_CARD, MAX_CARD = 13, 19  # digits, ISO/IEC 7812
CARD_PREFIX = re.compile(
    # Visa, Mastercard, American Express, Discover, JCB, UnionPay, Diners, Maestro, Dina
    "4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6011|64[4-9]|65|35(?:2[89]|[3-8])|62|"
    "3(?:0[0-5]|[689])|5018|5020|5038|5893|6304|6759|676[1-3]|9891"
)
BETWEEN = re.compile(r"[\s().,/\\_–—-]{0,3}")  # between the digits of one number
MIN_PHONE, MAX_PHONE = 8, 15  # digits, ITU-T E.164
PHONE_START = re.compile(r"0[1-9]|00[1-9]|381")  # of a number of Serbia, or with its country

Span = tuple[int, int]


def scrubbed(text: str) -> str:
    """`text` with each thing found replaced by its kind, such as `[phone]`."""
    for kind, find in (
        (EMAIL, emails),
        (IBAN, ibans),
        (CARD, cards),
        (PHONE, matched_phones),
        (PHONE, phones_in_digits),
    ):
        text = _replaced(text, find(text), kind)
    return text


def _replaced(text: str, spans: Iterator[Span], kind: str) -> str:
    """`text` with the spans, given in order and apart from each other, replaced."""
    parts, end = [], 0
    for start, after in spans:
        parts += [text[end:start], kind]
        end = after
    return "".join([*parts, text[end:]]) if end else text


def emails(text: str) -> Iterator[Span]:
    """The e-mail addresses in a text."""
    end = 0
    for at in re.finditer("[@＠]", text):
        start = at.start()
        least = max(end, start - LOCAL_CHARACTERS)
        while start > least and LOCAL_PART.match(text[start - 1]):
            start -= 1
        domain = DOMAIN.match(text, at.end())
        if domain and start < at.start():
            end = domain.end()
            yield start, end


def ibans(text: str) -> Iterator[Span]:
    """The IBANs in a text whose check digits are right."""
    end = 0
    for found in IBAN_START.finditer(text):
        if found.start() >= end and (after := _end_of_iban(text, found.start())):
            end = after
            yield found.start(), end


def _end_of_iban(text: str, start: int) -> int | None:
    """Where the IBAN ends that starts there; None if there is none."""
    from stdnum import iban  # here, as it is rarely needed

    compact, place, end = text[start : start + 4], start + 4, None
    while len(compact) < MAX_IBAN and (found := IBAN_CHARACTER.match(text, place)):
        compact, place = compact + text[found.end() - 1], found.end()
        if len(compact) >= MIN_IBAN and iban.is_valid(compact):
            end = place
    return end


def cards(text: str) -> Iterator[Span]:
    """The card numbers in a text: known prefix and right check digit."""
    from stdnum import luhn

    def is_card(digits: str, _: bool) -> bool:
        return bool(CARD_PREFIX.match(digits)) and luhn.is_valid(digits)

    return _numbers(text, MIN_CARD, MAX_CARD, is_card)


def matched_phones(text: str) -> Iterator[Span]:
    """The phone numbers that `phonenumbers` finds; those without a country are Serbian."""
    import phonenumbers

    # as many tries as there are characters: with the default it stops early in a long text
    for found in phonenumbers.PhoneNumberMatcher(text, REGION, max_tries=len(text) + 1):
        yield found.start, found.end


def phones_in_digits(text: str) -> Iterator[Span]:
    """The phone numbers that it does not find: one after another, within words, on two lines."""

    def is_phone(digits: str, has_plus: bool) -> bool:
        if not has_plus and not PHONE_START.match(digits):
            return False
        return e164(digits if digits.startswith("0") else f"+{digits}") is not None

    return _numbers(text, MIN_PHONE, MAX_PHONE, is_phone)


def _numbers(
    text: str, least: int, most: int, is_number: Callable[[str, bool], bool]
) -> Iterator[Span]:
    """The numbers in a text, each of the longest row of groups of digits that is one.

    `is_number` is asked of `least` to `most` digits, and whether a plus precedes them.
    """
    groups = [(found.start(), found.end()) for found in DIGITS.finditer(text)]
    end = 0
    for place, (start, _) in enumerate(groups):
        if start < end:
            continue
        has_plus = start > 0 and text[start - 1] == "+"
        rows = list(_rows(text, groups[place : place + most], most))
        for digits, after in reversed(rows):
            if len(digits) >= least and is_number(digits, has_plus):
                end = after
                yield start - has_plus, end
                break


def _rows(text: str, groups: Sequence[Span], most: int) -> Iterator[tuple[str, int]]:
    """The digits of the first group, of the first two and so on, up to `most`; and their end."""
    digits, end = "", groups[0][0]
    for start, after in groups:
        digits += text[start:after]
        if len(digits) > most or (end < start and not BETWEEN.fullmatch(text, end, start)):
            return
        end = after
        yield digits, end
