"""Decodes a response body to JSON values without loss, with a fast and an exact decoder.

The fast one refuses lone surrogates, which JSON allows, and NaN, which some servers send; it drops
digits of integers beyond 64 bits, numbers that are too small for a float, and all but the last
value of a name that an object has twice. A body where that may have happened is decoded again by
the exact one.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from chatislav_source.records.schema import EXACT_IN_DOUBLE

Row = dict[str, Any]
"""A JSON object of the API, with the API's field names."""

NUL = re.compile(rb"\\u0000")  # in a page `re` finds it twice as fast as `in`
EXTREME_NUMBER = re.compile(
    rb"(?:^|[:,\[\s])-?(?:[0-9][0-9.]*[eE][+-]?[0-9]{3}|[0-9]{4001})", re.MULTILINE
)
"""A number that a float or a warehouse may not hold, or text that looks like one."""
MAX_DIGITS = 4000  # of an integer; Python refuses to read longer ones
CONTAINERS = frozenset({dict, list})
TYPES_TO_CHECK = frozenset({float, dict, list})


def decode(body: bytes) -> tuple[Any, bool]:
    """The JSON value in `body`, and whether texts in it need `sanitized`.

    Numbers that neither float nor int can represent become text, and so do NaN and Infinity. Of a
    name that an object has several times, the last value has this name; earlier ones that differ
    have `#1`, `#2` and so on added.

    Raises:
        ValueError: the body is not JSON in UTF-8, or nested too deep to be read.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        # fails again unless the cause is a lone surrogate or a huge number
        return _decode_exactly(body), True
    needs_sanitizing = NUL.search(body) is not None
    is_lossy = (
        has_wide_number(value) or EXTREME_NUMBER.search(body) or has_repeated_name(value, body)
    )
    return _decode_exactly(body) if is_lossy else value, needs_sanitizing


def has_wide_number(value: Any) -> bool:
    """Whether a float in `value` may be an integer that lost digits in decoding."""
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, float):
            if abs(part) >= EXACT_IN_DOUBLE:
                return True
            continue
        items = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        # most values are texts, which this skips quickly
        todo.extend([item for item in items if type(item) in TYPES_TO_CHECK])
    return False


def names_in_text(body: bytes) -> int:
    """How many names the objects in `body` have; fewer if there is odd space after a name."""
    # a quotation mark within a text follows a backslash
    return sum(body.count(b'"' + end) - body.count(b'\\"' + end) for end in (b":", b" :"))


def has_repeated_name(value: Any, body: bytes) -> bool:
    """Whether an object in `body`, which was decoded to `value`, may have a name twice."""
    count, todo = 0, [value]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            count += len(part)
            part = part.values()
        elif not isinstance(part, list):
            continue
        todo.extend([item for item in part if type(item) in CONTAINERS])
    return names_in_text(body) > count


def _decode_exactly(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig", "surrogatepass")
        return json.loads(
            text,
            parse_constant=str,
            parse_int=_whole,
            parse_float=_decimal,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> Row:
    """The object; earlier values of a repeated name get names of their own."""
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    for name, value in pairs:
        if _same(result[name], value):
            continue
        number = 1
        while f"{name}#{number}" in result:
            number += 1
        result[f"{name}#{number}"] = value
    return result


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _decimal(digits: str) -> float | str:
    value = float(digits)
    is_too_small = value == 0 and any(
        sign in "123456789" for sign in digits.lower().partition("e")[0]
    )
    return digits if is_too_small or not math.isfinite(value) else value
