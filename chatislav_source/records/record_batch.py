"""The rows of one page as Arrow tables."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, compress
from typing import TYPE_CHECKING

import pyarrow as pa

from chatislav_source.records.schema import flagged_version

if TYPE_CHECKING:
    from chatislav_source.records.rejected.record import RejectedRecord


Flagged = Container[int] | None
"""Hashes of the session ids of conversations with guardrail events; None if that was not asked."""


def flags_of(session_ids: Sequence[str], flagged: Flagged) -> list[bool | None]:
    """`guardrail_flagged` of each conversation."""
    if flagged is None:
        return [None] * len(session_ids)
    return [hash(session_id) in flagged for session_id in session_ids]


def flagged_versions(versions: Sequence[str], flags: Sequence[bool | None]) -> list[str]:
    """The `_version` of each row, of what they are without flags."""
    return list(map(flagged_version, versions, flags))


@dataclass(frozen=True)
class RecordBatch:
    """Conversations and their messages as Arrow tables.

    `parents` has, for each row of `messages`, the row of `conversations` it belongs to;
    `has_messages` says for each conversation whether its messages are known (an empty list is).
    `session_ids`, `versions`, `created` and `active` are columns of `conversations` as Python
    values, the times in microseconds, for code that reads single rows. `rejected` are the records
    of the same page that cannot be loaded.
    """

    conversations: pa.Table = field(repr=False)  # personal data
    messages: pa.Table = field(repr=False)
    parents: pa.Array
    has_messages: list[bool]
    session_ids: Sequence[str]
    versions: Sequence[str]
    created: list[int | None]
    active: list[int | None]
    rejected: Sequence[RejectedRecord] = ()

    @property
    def bot_id(self) -> int:
        """The bot of all rows, of which there must be one."""
        return int(self.conversations["bot_id"][0].as_py())


def kept_rows(batch: RecordBatch, keep: list[bool]) -> RecordBatch:
    """The conversations for which `keep` is true, with their messages."""
    mask = pa.array(keep, pa.bool_())
    kept_messages = mask.take(batch.parents)
    places = pa.array(list(accumulate(keep, initial=0)), pa.int32())
    return RecordBatch(
        batch.conversations.filter(mask),
        batch.messages.filter(kept_messages),
        places.take(batch.parents.filter(kept_messages)),
        list(compress(batch.has_messages, keep)),
        list(compress(batch.session_ids, keep)),
        list(compress(batch.versions, keep)),
        list(compress(batch.created, keep)),
        list(compress(batch.active, keep)),
    )
