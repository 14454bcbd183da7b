"""Makes the rows of decoded pages, all together; where one of them is odd, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

from chatislav_source.conversations import Page
from chatislav_source.decoding import decode
from chatislav_source.rows import PageRows, page_rows
from chatislav_source.typed_page import Decoded
from chatislav_source.typed_rows import typed_rows
from chatislav_source.values import cleaned


def built(pages: Sequence[Page]) -> list[Page]:
    """The same pages, each with its rows."""
    decoded = [page.decoded for page in pages if page.decoded]
    made = typed_rows(decoded)
    if made is None:
        return [_built_alone(page) for page in pages]
    rows = iter(made)
    return [
        replace(page, rows=next(rows), decoded=None) if page.decoded else page for page in pages
    ]


def _built_alone(page: Page) -> Page:
    if page.decoded is None:
        return page
    made = typed_rows([page.decoded])
    rows, replaced = (made[0], 0) if made else _careful_rows(page.decoded)
    return replace(page, rows=rows, decoded=None, replaced_characters=replaced)


def _careful_rows(page: Decoded) -> tuple[PageRows, int]:
    """The rows of a page that is not as documented, and how many characters were replaced."""
    value, needs_cleaning = decode(page.body)
    items, replaced = value["conversations"], 0
    if needs_cleaning:
        items, replaced = cleaned(items)
    return page_rows(items, page.session_ids, page.bot_id, UTC, page.read_at), replaced
