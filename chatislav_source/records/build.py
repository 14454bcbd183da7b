"""Makes the rows of decoded pages, all together; where one of them is odd, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

from chatislav_source.records.fast_decode import Decoded
from chatislav_source.records.fast_rows import typed_rows
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.tolerant_rows import RecordBatch, page_rows
from chatislav_source.streams.conversations.page import Page


def built(pages: Sequence[Page]) -> list[Page]:
    """The same pages, each with its rows."""
    decoded = [page.decoded for page in pages if page.decoded]
    rows = iter(typed_rows(decoded) or map(_alone, decoded))
    return [
        replace(page, rows=next(rows), decoded=None) if page.decoded else page for page in pages
    ]


def _alone(page: Decoded) -> RecordBatch:
    made = typed_rows([page])
    return made[0] if made else _careful_rows(page)


def _careful_rows(page: Decoded) -> RecordBatch:
    value, _ = decode(page.body)  # its texts are storable, else it had not been decoded before
    return page_rows(value["conversations"], page.session_ids, page.bot_id, UTC, page.read_at)
