"""The form in which rows are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Shape:
    """How rows are written; names and values are those of `Settings`."""

    timestamps: str
    naive_timezone: str
    extra_fields: str
    messages_mode: str


@lru_cache
def shape_of(timestamps: str, naive_timezone: str, extra_fields: str, messages_mode: str) -> Shape:
    """The one `Shape` object for these values, so that the render cache compares by identity."""
    return Shape(timestamps, naive_timezone, extra_fields, messages_mode)


TRUTH = shape_of("z", "UTC", "none", "full")
"""The form without anything undocumented: all fields, dates in UTC with Z."""
