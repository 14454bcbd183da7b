"""Replaces the characters that JSON allows and most warehouses refuse."""

from __future__ import annotations

import hashlib
import re
from typing import Any

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # legal in JSON, refused by most warehouses
REPLACEMENT = "\ufffd"
MAX_KEY_BYTES = 2600  # in UTF-8; an entry of an index of Postgres takes 2,704, with the bot id
SAFE_KEY_CHARACTERS = MAX_KEY_BYTES // 4  # never longer than that, as a character has 4 bytes
DIGEST_CHARACTERS = 32  # of a key that is too long
WITH_DIGEST = re.compile(REPLACEMENT + ".*#[0-9a-f]{12}$", re.DOTALL)


def sanitized(value: Any) -> tuple[Any, int]:
    """`value` with every NUL and lone surrogate replaced by U+FFFD, and how many were replaced."""
    if isinstance(value, str):
        return UNSTORABLE.subn(REPLACEMENT, value)
    if isinstance(value, list):
        pairs = [sanitized(item) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if isinstance(value, dict):
        result, total = {}, 0
        for key, item in value.items():
            (new_key, in_key), (new_item, in_item) = sanitized(key), sanitized(item)
            # names that differ only in replaced characters must stay different
            is_taken = in_key and (new_key in value or new_key in result)
            result[sanitized_key(key) if is_taken else new_key] = new_item
            total += in_key + in_item
        return result, total
    return value, 0


def sanitized_key(text: str) -> str:
    """`text` as a storable key; keys that `sanitized` would make equal stay different."""
    clean, count = UNSTORABLE.subn(REPLACEMENT, text)
    if not count and not WITH_DIGEST.search(text):
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{clean}#{digest}"


def session_key(text: str) -> str:
    """The session id as a key: storable, and shortened if it is longer than an index can hold.

    Different ids have different keys: the end of a long one is replaced by a digest of all of it.
    """
    key = sanitized_key(text)
    if not is_too_long(key):
        return key
    whole = text.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(whole, digest_size=DIGEST_CHARACTERS // 2).hexdigest()
    start = key.encode()[: MAX_KEY_BYTES - DIGEST_CHARACTERS - 1].decode("utf-8", "ignore")
    return f"{start}#{digest}"


def is_too_long(session_id: str) -> bool:
    """Whether an index cannot hold this session id."""
    if len(session_id) <= SAFE_KEY_CHARACTERS:
        return False
    return len(session_id.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES
