"""Splits the text of a page into its records, also if some of them cannot be decoded.

Only brackets, commas and texts are read: a record may be nested at any depth, or be no JSON.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import orjson

from chatislav_source.records.json_decoder import CONTAINERS

TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
MAX_NESTING = 300  # of a record; BigQuery takes 500, and Python has 1,000 frames, two for a level
LIST = b'"conversations"'
OPENING, CLOSING = frozenset({b"[", b"{"}), frozenset({b"]", b"}"})


def split_page(body: bytes) -> tuple[bytes, list[bytes]]:
    """The page without its conversations, and the text of each of them.

    Raises:
        ValueError: its brackets do not match, or it has no list of conversations.
    """
    depth, name, begin = 0, b"", 0
    first = last = 0  # where the list begins and ends
    records: list[bytes] = []
    for token in TOKEN.finditer(body):
        text = token[0]
        is_in_list = bool(first and not last)
        if text in OPENING:
            depth += 1
            if depth == 2 and text == b"[" and name == LIST and not first:
                first = begin = token.end()
        elif text in CLOSING:
            depth -= 1
            if depth == 1 and is_in_list:
                records.append(body[begin : token.start()])
                last = token.start()
        elif text == b"," and depth == 2 and is_in_list:
            records.append(body[begin : token.start()])
            begin = token.end()
        elif depth == 1:
            name = text
        if depth < 0:
            break
    if depth or not last:
        raise ValueError("no page of conversations")
    if not records[-1].strip():
        records.pop()  # an empty list
    return body[:first] + body[last:], records


def nesting(record: bytes) -> int:
    """How many lists and objects are in each other, with the record itself.

    Raises:
        ValueError: its brackets do not match.
    """
    depth = deepest = 0
    for token in TOKEN.finditer(record):
        if token[0] in OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in CLOSING:
            depth -= 1
    if depth:
        raise ValueError("brackets do not match")
    return deepest


def is_too_deep(value: Any) -> bool:
    """Whether a record of a decoded page is nested deeper than warehouses can store."""
    level, depth = [value] if type(value) in CONTAINERS else [], 1
    while level:
        if depth > MAX_NESTING:
            return True
        inner = (part.values() if isinstance(part, dict) else part for part in level)
        level = [item for items in inner for item in items if type(item) in CONTAINERS]
        depth += 1
    return False


def may_be_too_deep(text: bytes) -> bool:
    """Whether the JSON value of a field may make its record nested too deep."""
    if len(text) < 2 * MAX_NESTING:
        return False  # each level has two brackets
    try:
        return is_too_deep([orjson.loads(text)])
    except orjson.JSONDecodeError:
        return True


def told(record: bytes, name: str) -> str | int | None:
    """The text or whole number of a field of the record itself; None if it cannot be read."""
    field = re.compile(rb'"%b"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*"|\d+)' % name.encode(), re.DOTALL)
    found = field.search(_own_fields(record))
    with suppress(ValueError):
        value: str | int | None = orjson.loads(found[1]) if found else None
        return value
    return None


def _own_fields(record: bytes) -> bytes:
    """The record without the lists and objects in it."""
    parts, depth, begin = [], 0, 0
    for token in TOKEN.finditer(record):
        if token[0] in OPENING:
            depth += 1
            if depth == 2:
                parts.append(record[begin : token.start()])
        elif token[0] in CLOSING:
            depth -= 1
            if depth == 1:
                begin = token.end()
    return b"".join([*parts, record[begin:]])
