"""Encodes values as JSON."""

from __future__ import annotations

import json
from datetime import datetime

import orjson


def json_bytes(value: object) -> bytes:
    """`value` as JSON, also with lone surrogates and numbers above 64 bits, which orjson rejects.

    A naive datetime is written without zone, an aware UTC one with Z.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), default=_text_of).encode()


def _text_of(value: object) -> str:
    """The text that orjson writes for a datetime, which the json module does not support."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not JSON")
