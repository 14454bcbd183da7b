"""Sort orders of conversations over all pages. Pure."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from chatislav_source.sandbox.world.records import Record, text_number

SortKey = tuple[int, str]
RecordKey = Callable[[Record], SortKey]


def order_key(order: str, salt: int = 0) -> RecordKey:
    """The sort key of an order; each `salt` results in another "random" order."""
    if order == "random":
        return lambda record: (crc32(f"{salt}{text_number(record.session_id)}".encode()), "")
    return _ORDERS[order]


_ORDERS: dict[str, RecordKey] = {
    "newest_activity": lambda record: (-record.activity, record.session_id),
    "oldest_activity": lambda record: (record.activity, record.session_id),
    "newest_created": lambda record: (-record.created, record.session_id),
    "oldest_created": lambda record: (record.created, record.session_id),
    "session_id": lambda record: (0, record.session_id),
    "shuffled": lambda record: (text_number(record.session_id), record.session_id),
}
