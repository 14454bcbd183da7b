"""The form of rendered rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Shape:
    """The form of rendered rows; names and values are those of `Settings`."""

    timestamps: str
    naive_timezone: str
    extra_fields: str
    messages_mode: str


@lru_cache
def shape_of(timestamps: str, naive_timezone: str, extra_fields: str, messages_mode: str) -> Shape:
    """The only `Shape` object with these values, so that the cache can compare by identity."""
    return Shape(timestamps, naive_timezone, extra_fields, messages_mode)


TRUTH = shape_of("z", "UTC", "none", "full")
"""The form without undocumented behaviour: all fields, timestamps in UTC with Z."""
