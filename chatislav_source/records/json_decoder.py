"""Decodes a response body to JSON values without loss, with a fast and an exact decoder.

The fast one refuses lone surrogates, which JSON allows, and drops digits of integers beyond 64
bits; a body where that may have happened is decoded again by the exact one.
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
MAX_DIGITS = 4000  # of an integer; Python refuses to read longer ones
TYPES_TO_CHECK = frozenset({float, dict, list})


def decode(body: bytes) -> tuple[Any, bool]:
    """The JSON value in `body`, and whether texts in it need `sanitized`.

    Numbers that neither float nor int can represent become text.

    Raises:
        ValueError: the body is not JSON in UTF-8, or nested too deep to be read.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        # fails again unless the cause is a lone surrogate or a huge number
        return _decode_exactly(body), True
    needs_sanitizing = NUL.search(body) is not None
    return _decode_exactly(body) if has_wide_number(value) else value, needs_sanitizing


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


def _decode_exactly(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig", "surrogatepass")
        return json.loads(
            text, parse_constant=_refuse_constant, parse_int=_whole, parse_float=_decimal
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _decimal(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits
