"""Asks the API a handful of harmless questions, to settle what its documentation leaves open.

All requests read; the window ends two days ago, so that its conversations rarely change meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.configured_client import client_of
from chatislav_source.cli.access.bots import TRIES
from chatislav_source.cli.access.questions import (
    Finding,
    Listing,
    date_filter,
    days_that_tell,
    of_fields,
    order_of,
    short_pages,
)
from chatislav_source.config import SyncConfig
from chatislav_source.errors import RequestRejectedError
from chatislav_source.records.convert import parse_page
from chatislav_source.records.json_decoder import decode
from chatislav_source.streams.conversations.observations import date_filter_shown
from chatislav_source.streams.conversations.page import PATH, PageRequest
from chatislav_source.streams.date_window import ONE_DAY, DateWindow

DAYS = 60  # of the window; more conversations settle more
LIMIT, OTHER_LIMIT = 20, 10  # conversations of a page


def explore(config: SyncConfig) -> list[Finding]:
    """What the first bot of the configuration shows; at most eight requests.

    Raises:
        ChatislavError: the API refuses the key or the bot, or does not respond.
    """
    with client_of(config) as client:
        return list(Explorer(client, config).findings())


@dataclass(frozen=True)
class Explorer:
    """Asks about one bot."""

    client: ChatislavClient
    config: SyncConfig

    @property
    def bot_id(self) -> int:
        """The bot that is asked about."""
        return self.config.bot_ids[0]

    def findings(self) -> Iterator[Finding]:
        """The findings, in the order of the page of the documentation."""
        last_day = self.config.now.date() - 2 * ONE_DAY
        window = DateWindow(last_day - timedelta(days=DAYS), last_day)
        first = self._page(window)
        pages = [first]
        if first.has_more and first.next_token:
            pages.append(self._page(window, first.next_token))
        days = days_that_tell(pages)
        yield date_filter([self._page(DateWindow(day, day), limit=100) for day in days])
        yield order_of(pages)
        yield self._is_repeatable(window, first)
        yield short_pages(pages)
        yield from self._of_token(window, pages)
        yield from of_fields(pages)

    def _is_repeatable(self, window: DateWindow, first: Listing) -> Finding:
        again = self._page(window)
        is_same = again.session_ids == first.session_ids
        return Finding(
            "order of a repeated request",
            ("the same" if is_same else "another") if len(first.session_ids) > 1 else None,
            f"{len(first.session_ids)} conversations, asked for twice",
        )

    def _of_token(self, window: DateWindow, pages: list[Listing]) -> Iterator[Finding]:
        """Whether a page token can be used twice, and with another limit."""
        for question, limit in (
            ("page token used a second time", LIMIT),
            ("page token with another limit", OTHER_LIMIT),
        ):
            if len(pages) < 2:
                yield Finding(question, None, "all conversations are on one page")
                continue
            expected = list(pages[1].session_ids[:limit])
            yield Finding(question, *self._reused(window, pages[0].next_token, limit, expected))

    def _reused(
        self, window: DateWindow, token: str | None, limit: int, expected: list[str]
    ) -> tuple[str, str]:
        try:
            page = self._page(window, token, limit)
        except RequestRejectedError as error:
            return "refused", f"HTTP {error.status}"
        is_same = list(page.session_ids) == expected
        return (
            "accepted" if is_same else "accepted, with other conversations",
            f"{len(page.session_ids)} conversations",
        )

    def _page(self, window: DateWindow, token: str | None = None, limit: int = LIMIT) -> Listing:
        request = PageRequest(self.bot_id, window, token, limit)
        zone = self.config.api_zone

        def parse(body: bytes) -> Listing:
            parsed = parse_page(body, self.bot_id, zone)
            records = parsed.records(self.config.now)
            return Listing(
                items=_conversations(body),
                session_ids=list(records.session_ids),
                created=list(records.created),
                active=list(records.active),
                date_filter=date_filter_shown(records, window, self.config.now),
                limit=limit,
                next_token=parsed.next_token,
                has_more=parsed.has_more,
            )

        return self.client.post(PATH, request.query(), str(request), parse, tries=TRIES).value


def _conversations(body: bytes) -> list[dict[str, Any]]:
    value, _ = decode(body)
    return [item for item in value["conversations"] if isinstance(item, dict)]
