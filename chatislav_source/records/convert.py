"""Converts bodies of `POST /conversations` to record batches, with fast decoding where possible.

`parse_page` parses one body; `record_batches` makes the rows of many pages at once, which is faster
than page by page.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from itertools import compress
from typing import Any

import pyarrow.compute as pc
from msgspec import Raw

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
from chatislav_source.records.record_batch import (
    Flagged,
    RecordBatch,
    flagged_versions,
    flags_of,
)
from chatislav_source.records.rejected.page_text import is_too_deep, split_page
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.records.rejected.sorting import (
    problem_of,
    rejected_record,
    salvaged_page,
    whole_page_problem,
)
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
    rejected: Sequence[RejectedRecord] = ()

    def records(self, read_at: datetime, flagged: Flagged = None) -> TolerantRecords:
        """The conversations; `read_at` is when the response arrived."""
        flags = flags_of(self.session_ids, flagged)
        versions = flagged_versions(self.versions, flags)
        batch = page_rows(
            self.items, self.session_ids, versions, self.bot_id, self.zone, read_at, flags
        )
        return TolerantRecords(replace(batch, rejected=self.rejected))


Records = FastRecords | TolerantRecords
"""The conversations of one page, from fast or tolerant decoding."""

ParsedPage = FastPage | TolerantPage
"""A page, from fast or tolerant decoding."""


def parse_page(body: bytes, bot_id: int, zone: tzinfo) -> ParsedPage:
    """The page in `body`; times without an offset are read in `zone`.

    Records that cannot be loaded are in its `rejected`.

    Raises:
        ValueError: it is not JSON, apart from records.
        WrongShapeError: its shape could lose rows.
    """
    # fast decoding reads instants without an offset in UTC only
    fast = decode_page(body, bot_id) if zone is UTC else None
    return fast or tolerant_page(*_decoded(body), bot_id, zone, body)


def _decoded(body: bytes) -> tuple[Any, bool]:
    """The page as JSON values, and whether texts in it need `sanitized`."""
    try:
        value, needs_sanitizing = decode(body)
    except ValueError:
        return salvaged_page(body), True
    items = value.get("conversations") if isinstance(value, dict) else None
    if isinstance(items, list) and any(map(is_too_deep, items)):
        return salvaged_page(body), True
    return value, needs_sanitizing


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
    page = _sorted_page(value, needs_sanitizing, bot_id, zone, body)
    problem = whole_page_problem(page.rejected, page.items)
    if problem:
        raise WrongShapeError(problem)
    return page


def _sorted_page(
    value: Any, needs_sanitizing: bool, bot_id: int, zone: tzinfo, body: bytes
) -> TolerantPage:
    """The page in `value`, its conversations sorted into those that can be loaded and others."""
    found = value["conversations"]
    problems = [problem_of(item, bot_id) for item in found]
    rejected = [
        rejected_record(item, problem, bot_id, zone)
        for item, problem in zip(found, problems, strict=True)
        if problem
    ]
    is_good = [problem is None for problem in problems]
    items, replaced = list(compress(found, is_good)), 0
    session_ids = [session_id_of(item) or "" for item in items]
    if needs_sanitizing:
        items, replaced = sanitized(items)
    versions = _versions(items, is_good, body if zone is UTC else b"", zone)
    pagination = value["pagination"]
    has_more, token = pagination["hasMore"], pagination.get("nextCursor")
    return TolerantPage(
        items, session_ids, versions, bot_id, zone, has_more, token, replaced, rejected
    )


def _versions(
    items: Sequence[Row], is_good: Sequence[bool], body: bytes, zone: tzinfo
) -> list[str]:
    """The version of each conversation; `is_good` says for each on the page whether it is one.

    One that fast decoding could read alone has the version of fast decoding: what else is on its
    page does not make it another row.
    """
    conversations = _texts(body)
    if len(conversations) != len(is_good):
        return [version_of(item, zone) for item in items]
    fast = map(version_of_raw, compress(conversations, is_good))
    return [known or version_of(item, zone) for known, item in zip(fast, items, strict=True)]


def _texts(body: bytes) -> Sequence[Raw]:
    """The conversations of a page, not decoded; empty if that is impossible."""
    found = raw_conversations(body) or raw_conversations(without_lone_surrogates(body))
    with suppress(ValueError):
        return found or [Raw(record) for record in split_page(body)[1]]
    return []


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


def record_batches(records: Sequence[Records]) -> list[RecordBatch]:
    """The rows of each page, in order: fast for all together, else fast or tolerant for each."""
    fast = [each for each in records if isinstance(each, FastRecords)]
    made = iter(fast_batches(fast) or map(_alone, fast))
    return [next(made) if isinstance(each, FastRecords) else each.batch for each in records]


def _alone(page: FastRecords) -> RecordBatch:
    made = fast_batches([page])
    return made[0] if made else _tolerant_batch(page)


def _tolerant_batch(page: FastRecords) -> RecordBatch:
    """The rows of a page whose values are not as documented, or nested too deep."""
    value, needs_sanitizing = _decoded(page.body)
    items = value["conversations"]
    if all(isinstance(item, dict) for item in items):
        # their texts are storable and their ids known, or fast decoding had refused the page
        ids, versions = page.session_ids, page.versions
        return page_rows(items, ids, versions, page.bot_id, UTC, page.read_at, page.flags)
    found = _sorted_page(value, needs_sanitizing, page.bot_id, UTC, page.body)
    return found.records(page.read_at, page.flagged).batch
