"""Orders of conversations, and page tokens as opaque text. Pure."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from zlib import crc32

from .records import Record, text_number

SortKey = tuple[int, str]

CHECKSUM_BYTES = 4


class BadTokenError(Exception):
    """A page token that was not made here, or was damaged on the way."""


@dataclass(frozen=True)
class PageToken:
    """Where the next page starts, and what the token is bound to.

    `position` is a number of rows (offset and snapshot), `key` the sort key of the last row
    (keyset), `snapshot` the number of a frozen list; `issued_at` is in seconds of a clock.
    """

    kind: str
    page: int
    position: int
    key: SortKey | None
    snapshot: int
    filters: int
    limit: int
    issued_request: int
    issued_at: float
    serial: int

    def encode(self) -> str:
        """The token as URL-safe text with a checksum."""
        content = json.dumps(astuple(self)).encode()
        checked = crc32(content).to_bytes(CHECKSUM_BYTES) + content
        return urlsafe_b64encode(checked).rstrip(b"=").decode()


def decode(text: str) -> PageToken:
    """Read a token back.

    Raises:
        BadTokenError: it is malformed or its checksum is wrong.
    """
    try:
        checked = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        content = checked[CHECKSUM_BYTES:]
        if crc32(content).to_bytes(CHECKSUM_BYTES) != checked[:CHECKSUM_BYTES]:
            raise BadTokenError("wrong checksum")
        kind, page, position, key, *rest = json.loads(content)
        return PageToken(kind, page, position, key and (key[0], key[1]), *rest)
    except (ValueError, TypeError) as error:
        raise BadTokenError("malformed") from error


def order_key(order: str, salt: int = 0) -> Callable[[Record], SortKey]:
    """The key by which rows of an order ascend; `salt` makes each "random" order another one."""
    if order == "random":
        return lambda record: (crc32(f"{salt}{text_number(record.session_id)}".encode()), "")
    return _ORDERS[order]


_ORDERS: dict[str, Callable[[Record], SortKey]] = {
    "newest_activity": lambda record: (-record.activity, record.session_id),
    "oldest_activity": lambda record: (record.activity, record.session_id),
    "newest_created": lambda record: (-record.created, record.session_id),
    "oldest_created": lambda record: (record.created, record.session_id),
    "session_id": lambda record: (0, record.session_id),
    "shuffled": lambda record: (text_number(record.session_id), record.session_id),
}


def start_of_page(
    token: PageToken | None, rows: Sequence[Record], key: Callable[[Record], SortKey]
) -> int:
    """Index in `rows` of the first row of the page; strictly after the last row for a keyset."""
    if token is None:
        return 0
    if token.kind == "keyset" and token.key is not None:
        return bisect_right(rows, token.key, key=key)
    return token.position


def short_size(limit: int, page: int) -> int:
    """Rows of a page that is shorter than asked for, at least one."""
    return max(1, limit - 1 - page % 7)
