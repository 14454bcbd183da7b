"""The /conversations endpoint: builds the JSON of one page for a checked query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from chatislav_source.sandbox.api.page_order import RecordKey, order_key
from chatislav_source.sandbox.api.page_tokens import PageToken, PageTokens, fingerprint
from chatislav_source.sandbox.api.requests import ConversationsQuery
from chatislav_source.sandbox.rendering.bad_records import bad_record
from chatislav_source.sandbox.rendering.cache import RenderCache
from chatislav_source.sandbox.rendering.json_bytes import json_bytes
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.bot import Bot
from chatislav_source.sandbox.world.generator import row_of
from chatislav_source.sandbox.world.records import GUARDRAIL, Record


@dataclass(frozen=True)
class Page:
    """One page: the rows from `first` (included) to `last` (excluded) of `rows`."""

    rows: Sequence[Record]
    first: int
    last: int
    number: int
    limit: int
    key: RecordKey
    token: PageToken | None

    @property
    def more(self) -> bool:
        return self.last < len(self.rows)


class ConversationsEndpoint:
    """Builds pages of conversations; the caller of `answer` must hold the lock of the world."""

    def __init__(self, settings: Settings, cache: RenderCache) -> None:
        self._settings = settings
        self._cache = cache
        self._tokens = PageTokens(settings)
        self._salts = count()

    def answer(self, query: ConversationsQuery, bot: Bot, request_number: int) -> bytes:
        """The JSON of the page that `query` selects.

        Raises:
            RequestError: its page token is refused.
        """
        token = self._tokens.redeem(query, request_number)
        page = self._page(query, bot, token)
        conversations = b",".join(self._bodies(page, bot))
        pagination = json_bytes(self._pagination(query, page, request_number))
        return b'{"conversations":[%b],"pagination":%b}' % (conversations, pagination)

    def _page(self, query: ConversationsQuery, bot: Bot, token: PageToken | None) -> Page:
        key = order_key(self._settings.page_order, next(self._salts))
        if token is not None and token.kind == "snapshot":
            rows = self._tokens.snapshot(token.snapshot)
        else:
            rows = self._matching(query, bot, key)
        number = token.page if token else 1
        first = token.first_row(rows, key) if token else 0
        last = self._end(query.limit, number, first, rows)
        return Page(rows, first, last, number, query.limit, key, token)

    def _end(self, limit: int, number: int, first: int, rows: Sequence[Record]) -> int:
        settings = self._settings
        if number > 1 and settings.endless_empty_pages:
            return first
        if number % 2 == 0 and settings.empty_middle_pages:
            return first
        size = _short_size(limit, number) if settings.short_pages else limit
        if settings.overlapping_pages and first > 0 and size > 1:
            size -= 1  # for the repeated row
        return min(first + size, len(rows))

    def _bodies(self, page: Page, bot: Bot) -> list[bytes]:
        settings, shape = self._settings, self._settings.shape()
        new = page.last - page.first
        overlaps = settings.overlapping_pages and page.first > 0 and 0 < new < page.limit
        first = page.first - 1 if overlaps else page.first
        # A snapshot may have rows that were replaced or removed later.
        current = (bot.records.get(row.session_id) for row in page.rows[first : page.last])
        rows = [row for row in current if row is not None]
        bodies = [self._cache.render(row, bot.id, shape) for row in rows]
        bad = settings.bad_records
        if not bad:
            return bodies
        return [
            bad_record(bad[row.session_id], body) if row.session_id in bad else body
            for row, body in zip(rows, bodies, strict=True)
        ]

    def _matching(self, query: ConversationsQuery, bot: Bot, key: RecordKey) -> Sequence[Record]:
        settings = self._settings
        known = (settings.date_filter, settings.page_order, fingerprint(query))
        rows: Sequence[Record] | None = bot.cached(known)
        if rows is None or settings.page_order == "random":
            window = bot.between(settings.date_filter, query.start, query.end)
            rows = sorted((row for row in window if _matches(row, query, bot.id)), key=key)
            bot.keep(known, rows)
        return rows

    def _pagination(
        self, query: ConversationsQuery, page: Page, request_number: int
    ) -> dict[str, Any]:
        settings = self._settings
        more = page.more or self._claims_more(page)
        pagination: dict[str, Any] = {"limit": query.limit, "nextCursor": None, "hasMore": more}
        if more and settings.token_absent:
            del pagination["nextCursor"]
        elif more and settings.token_missing:
            return pagination
        elif more or settings.token_when_done:
            pagination["nextCursor"] = self._next_token(query, page, request_number)
        return pagination

    def _claims_more(self, page: Page) -> bool:
        settings = self._settings
        return (
            settings.endless_empty_pages
            or (settings.empty_last_page and page.last > page.first)
            or self._repeats(page)
        )

    def _repeats(self, page: Page) -> bool:
        after = self._settings.token_repeats
        return after is not None and page.token is not None and page.number > after

    def _next_token(self, query: ConversationsQuery, page: Page, request_number: int) -> str:
        if self._repeats(page) and query.cursor is not None:
            return query.cursor
        kind = page.token.kind if page.token else self._settings.page_token
        key = page.token.key if page.token else None
        if kind == "keyset" and page.last > page.first:
            key = page.key(page.rows[page.last - 1])
        snapshot = page.token.snapshot if page.token else 0
        if kind == "snapshot" and not page.token:
            snapshot = self._tokens.freeze(page.rows)
        token = PageToken(
            kind=kind,
            page=page.number + 1,
            position=page.last,
            key=key,
            snapshot=snapshot,
            filters=fingerprint(query),
            limit=query.limit,
            issued_request=request_number,
            issued_at=0,
            serial=0,
        )
        return self._tokens.issue(token, request_number)


def _short_size(limit: int, page: int) -> int:
    """The number of rows of a page that is shorter than its limit, at least one."""
    return max(1, limit - 1 - page % 7)


def _matches(record: Record, query: ConversationsQuery, bot_id: int) -> bool:
    return (
        query.channel in ("all", record.channel)
        and query.resolution_status in ("all", record.resolution)
        and query.human_takeover in (None, record.takeover)
        and query.guardrail_flagged in (None, bool(record.flags & GUARDRAIL))
        and query.session_id in (None, record.session_id)
        and (query.search is None or _contains(record, query.search, bot_id))
    )


def _contains(record: Record, search: str, bot_id: int) -> bool:
    """Whether a message contains `search`; case does not matter."""
    wanted = search.casefold()
    messages = row_of(record, bot_id).get("messages") or []
    return any(
        wanted in message["content"].casefold()
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), str)
    )
