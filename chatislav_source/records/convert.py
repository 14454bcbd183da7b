"""Converts bodies of `POST /conversations` to record batches, with fast decoding where possible.

`parse_page` parses one body; `record_batches` makes the rows of many pages at once, which is faster
than page by page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import pyarrow.compute as pc

from chatislav_source.errors import WrongShapeError
from chatislav_source.records.fast_decode import (
    FastPage,
    FastRecords,
    decode_page,
    raw_conversations,
    version_of_raw,
    without_lone_surrogates,
)
from chatislav_source.records.fast_rows import fast_batches
from chatislav_source.records.json_decoder import Row, decode
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.sanitize import sanitized
from chatislav_source.records.tolerant_rows import page_rows, session_id_of, version_of


@dataclass(frozen=True)
class TolerantRecords:
    """The conversations of one page as rows."""

    batch: RecordBatch

    @property
    def versions(self) -> Sequence[str]:
        """The `_version` of each conversation, in the order of the page."""
        return self.batch.versions

    @property
    def session_ids(self) -> Sequence[str]:
        """The ids, in the order of the page."""
        return self.batch.session_ids

    @property
    def created(self) -> Sequence[int | None]:
        """Microseconds of `createdAt` since 1970 in UTC, None where there is none."""
        return self.batch.created

    @property
    def active(self) -> Sequence[int | None]:
        """Microseconds of `lastActivity` since 1970 in UTC, None where there is none."""
        return self.batch.active

    def days_of_messages(self, number: int) -> set[date]:
        """The days on which the messages of one conversation were sent; none if not documented."""
        own = self.batch.messages["created_at"].filter(pc.equal(self.batch.parents, number))
        return {sent_at.date() for sent_at in own.to_pylist() if sent_at is not None}


@dataclass(frozen=True)
class TolerantPage:
    """A page as JSON values that warehouses can store."""

    items: list[Row] = field(repr=False)  # personal data
    session_ids: list[str]
    versions: list[str]
    bot_id: int
    zone: tzinfo
    has_more: bool
    next_token: str | None
    replaced_characters: int

    def records(self, read_at: datetime) -> TolerantRecords:
        """The conversations; `read_at` is when the response arrived."""
        return TolerantRecords(
            page_rows(self.items, self.session_ids, self.versions, self.bot_id, self.zone, read_at)
        )


Records = FastRecords | TolerantRecords
"""The conversations of one page, from fast or tolerant decoding."""

ParsedPage = FastPage | TolerantPage
"""A page, from fast or tolerant decoding."""


def parse_page(body: bytes, bot_id: int, zone: tzinfo) -> ParsedPage:
    """The page in `body`; times without an offset are read in `zone`.

    Raises:
        ValueError: it is not JSON.
        WrongShapeError: its shape could lose rows, or it has rows of another bot.
    """
    # fast decoding reads instants without an offset in UTC only
    fast = decode_page(body, bot_id) if zone is UTC else None
    return fast or tolerant_page(*decode(body), bot_id, zone, body)


def tolerant_page(
    value: Any, needs_sanitizing: bool, bot_id: int, zone: tzinfo, body: bytes = b""
) -> TolerantPage:
    """The page in `value`, decoded from `body`.

    Raises:
        WrongShapeError: as `parse_page` says.
    """
    problem = _envelope_problem(value)
    if problem:
        raise WrongShapeError(problem)
    session_ids = [_session_id(item, bot_id) for item in value["conversations"]]
    items, replaced = value["conversations"], 0
    if needs_sanitizing:
        items, replaced = sanitized(items)
    versions = _versions(items, body if zone is UTC else b"", zone)
    pagination = value["pagination"]
    has_more, token = pagination["hasMore"], pagination.get("nextCursor")
    return TolerantPage(items, session_ids, versions, bot_id, zone, has_more, token, replaced)


def _versions(items: Sequence[Row], body: bytes, zone: tzinfo) -> list[str]:
    """The version of each conversation.

    One that fast decoding could read alone has the version of fast decoding: what else is on its
    page does not make it another row.
    """
    conversations = raw_conversations(body) or raw_conversations(without_lone_surrogates(body))
    fast: list[str | None] = [version_of_raw(raw) for raw in conversations]
    if len(fast) != len(items):
        fast = [None] * len(items)
    return [known or version_of(item, zone) for known, item in zip(fast, items, strict=True)]


def _envelope_problem(value: Any) -> str | None:
    """Why using a page with this envelope could lose rows; None if it is as documented."""
    if not isinstance(value, dict):
        return "the body is not an object"
    if not isinstance(value.get("conversations"), list):
        return "`conversations` is not a list"
    pagination = value.get("pagination")
    if not isinstance(pagination, dict):
        return "`pagination` is not an object"
    if not isinstance(pagination.get("hasMore"), bool):
        return "`pagination.hasMore` is not true or false"
    token = pagination.get("nextCursor")
    if token is not None and not isinstance(token, str):
        return "`pagination.nextCursor` is not text"
    if pagination["hasMore"] and not token:
        return "`hasMore`, but no `nextCursor`"
    return None


def _session_id(item: Any, bot_id: int) -> str:
    session_id = session_id_of(item) if isinstance(item, dict) else None
    if session_id is None:
        raise WrongShapeError("a conversation has no sessionId")
    if str(item.get("botId", bot_id)) not in (str(bot_id), "None"):
        raise WrongShapeError("it holds another bot's rows")
    return session_id


def record_batches(records: Sequence[Records]) -> list[RecordBatch]:
    """The rows of each page, in order: fast for all together, else fast or tolerant for each."""
    fast = [each for each in records if isinstance(each, FastRecords)]
    made = iter(fast_batches(fast) or map(_alone, fast))
    return [next(made) if isinstance(each, FastRecords) else each.batch for each in records]


def _alone(page: FastRecords) -> RecordBatch:
    made = fast_batches([page])
    return made[0] if made else _tolerant_batch(page)


def _tolerant_batch(page: FastRecords) -> RecordBatch:
    value, _ = decode(page.body)  # its texts are storable, or fast decoding had refused it
    items, ids, versions = value["conversations"], page.session_ids, page.versions
    return page_rows(items, ids, versions, page.bot_id, UTC, page.read_at)
