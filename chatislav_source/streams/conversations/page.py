"""What: one page of conversations, from the query to its records and what it shows besides.

Facts are from `POST /conversations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from chatislav_source.api.client import CONVERSATIONS_PATH, TRIES, ApiResponse, ChatislavClient
from chatislav_source.records.convert import ParsedPage, Records, parse_page
from chatislav_source.records.json_decoder import Row
from chatislav_source.streams.conversations.observations import PageObservations, observe
from chatislav_source.streams.date_window import DateWindow

MIN_PAGE_SIZE = 12  # conversations; a page this small that still fails will not get better
TRIES_BEFORE_SMALLER_PAGES = 4  # a page that fails this often may be too large

PATH = CONVERSATIONS_PATH


@dataclass(frozen=True)
class PageRequest:
    """One page to read; the first page of its window has no page token."""

    bot_id: int
    window: DateWindow
    page_token: str | None
    limit: int

    def query(self) -> Row:
        """The body: dates only, and every filter that has a default is said."""
        query: Row = {
            "bot_id": self.bot_id,
            "from": self.window.first_day.isoformat(),
            "channel": "all",
            "resolution_status": "all",
            "limit": self.limit,
        }
        if self.window.last_day:
            query["to"] = self.window.last_day.isoformat()
        if self.page_token is not None:
            query["cursor"] = self.page_token
        return query

    def __str__(self) -> str:
        return f"bot {self.bot_id}, {self.window}"


@dataclass(frozen=True)
class Page:
    """One page: its records, where the next one is, and what it shows besides.

    `keys` has a hash of each conversation on the page, in order. `is_read_again` tells whether the
    next sync reads the same days again. `size` is the length of the body in bytes.
    """

    records: Records
    keys: list[int]
    next_token: str | None
    has_more: bool
    observations: PageObservations
    is_read_again: bool
    replaced_characters: int
    size: int
    tries: int

    @property
    def session_ids(self) -> Sequence[str]:
        """The ids, in order."""
        return self.records.session_ids

    def digests(self) -> dict[str, bytes]:
        """By session id, a digest of the conversation; none if the next sync does not compare."""
        return self.records.digests if self.is_read_again else {}


@dataclass(frozen=True)
class PageReader:
    """Reads pages of one bot; windows that reach `digests_from` get digests (None: none does).

    In windows from `tail_from` on it is seen what has changed since `started_at`.
    """

    bot_id: int
    zone: tzinfo
    started_at: datetime
    tail_from: date
    digests_from: date | None

    def read(self, request: PageRequest, client: ChatislavClient) -> Page:
        """The page, fetched and parsed.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        smaller_helps = request.limit > MIN_PAGE_SIZE
        response = client.post(
            PATH,
            request.query(),
            str(request),
            lambda body: parse_page(body, self.bot_id, self.zone),
            tries_if_large=(TRIES_BEFORE_SMALLER_PAGES if smaller_helps else TRIES),
        )
        return self.page(request, response)

    def page(self, request: PageRequest, response: ApiResponse[ParsedPage]) -> Page:
        """The page that `response` holds."""
        parsed = response.value
        records = parsed.records(response.read_at)
        return Page(
            records=records,
            keys=[hash(session_id) for session_id in records.session_ids],
            next_token=parsed.next_token,
            has_more=parsed.has_more,
            observations=observe(records, request.window, self.started_at, self.tail_from),
            is_read_again=self._is_read_again(request.window),
            replaced_characters=parsed.replaced_characters,
            size=response.size,
            tries=response.tries,
        )

    def _is_read_again(self, window: DateWindow) -> bool:
        """Whether the next sync reads these days again."""
        return self.digests_from is not None and not window.ends_before(self.digests_from)
