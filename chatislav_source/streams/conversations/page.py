"""One page of conversations: the request, and its records and observations.

Facts are from `POST /conversations`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo

from chatislav_source.api.call import ApiResponse
from chatislav_source.api.client import CONVERSATIONS_PATH, TRIES, ChatislavClient
from chatislav_source.errors import ChatislavError
from chatislav_source.records.convert import ParsedPage, Records, parse_page
from chatislav_source.records.fast_decode import FastRecords
from chatislav_source.records.json_decoder import Row
from chatislav_source.records.record_batch import Flagged
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.streams.conversations.observations import (
    NOTHING_SEEN,
    PageObservations,
    observe,
)
from chatislav_source.streams.date_window import DateWindow

MIN_PAGE_SIZE = 12  # conversations; a smaller page would not help
TRIES_BEFORE_SMALLER_PAGES = 4  # a page that fails this often may be too large

PATH = CONVERSATIONS_PATH


@dataclass(frozen=True)
class PageRequest:
    """One page to read; the first page of its window has no page token.

    `asks_flagged`: of the conversations with guardrail events, whose rows are not read. `flagged`
    are those of the window, if they were asked for before its rows.
    """

    bot_id: int
    window: DateWindow
    page_token: str | None
    limit: int
    asks_flagged: bool = False
    flagged: Flagged = field(default=None, compare=False, repr=False)

    def query(self) -> Row:
        """The body: `from` and `to` as dates, and every filter set explicitly."""
        query: Row = {
            "bot_id": self.bot_id,
            "from": self.window.first_day.isoformat(),
            "channel": self.window.channel,
            "resolution_status": self.window.resolution_status,
            "limit": self.limit,
        }
        if self.window.last_day:
            query["to"] = self.window.last_day.isoformat()
        if self.asks_flagged:
            query["guardrail_flagged"] = True
        if self.page_token is not None:
            query["cursor"] = self.page_token
        return query

    def __str__(self) -> str:
        flagged = ", those with guardrail events" if self.asks_flagged else ""
        return f"bot {self.bot_id}, {self.window}{flagged}"


@dataclass(frozen=True)
class Page:
    """One page: its records, the token of the next page, and observations.

    `keys` has a hash of each session id, in the order of the page. `rejected` are the records that
    cannot be loaded. `size` is the length of the body in bytes, `read_at` when it arrived. A page
    that was asked for flagged conversations has no records and no size, as none is loaded from it:
    only `flagged`, a hash of each session id on it.
    """

    records: Records
    keys: list[int]
    next_token: str | None
    has_more: bool
    observations: PageObservations
    replaced_characters: int
    size: int
    tries: int
    rejected: Sequence[RejectedRecord]
    read_at: datetime
    flagged: Sequence[int] = ()

    @property
    def count(self) -> int:
        """How many records the page has."""
        return len(self.keys) + len(self.flagged) + len(self.rejected)

    @property
    def identified(self) -> list[int]:
        """A hash of each record that has a session id, also of those that cannot be loaded."""
        rejected = [hash(each.rejected_id) for each in self.rejected if each.key["session_id"]]
        return [*self.keys, *self.flagged, *rejected]

    @property
    def flagged_keys(self) -> list[int]:
        """As `flagged`, with records that cannot be loaded, as a later version of them may be."""
        session_ids = [each.key["session_id"] for each in self.rejected]
        return [*self.flagged, *(hash(each) for each in session_ids if each)]

    @property
    def session_ids(self) -> Sequence[str]:
        """The session ids, in the order of the page."""
        return self.records.session_ids

    @property
    def versions(self) -> Sequence[str]:
        """The `_version` of each conversation, in the order of the page."""
        return self.records.versions


@dataclass(frozen=True)
class PageReader:
    """Reads pages of one bot.

    Windows that begin on `newest_from` or later show which conversations changed since
    `started_at`. `known` are the versions of rejected records that the table holds; `sealed` makes
    them of those that were read. `with_flags`: the conversations of a window that have guardrail
    events are listed before its rows are read.
    """

    bot_id: int
    zone: tzinfo
    started_at: datetime
    newest_from: date
    known: frozenset[str] = frozenset()
    sealed: Callable[[str], str] = str
    with_flags: bool = False

    def read(self, request: PageRequest, client: ChatislavClient) -> Page:
        """The page, fetched and parsed.

        A record that cannot be loaded may be a passing fault of the server. So the page is read
        again until two responses in a row have the same such records, or fewer.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        response = self._response(request, client)
        for _ in range(TRIES - 1):
            rejected = self._unknown(response)
            if not rejected:
                break
            try:
                again = self._response(request, client)
            except ChatislavError as error:  # a page token may be used once only
                tries = response.tries + error.requests
                return self.page(request, replace(response, tries=tries))
            response = replace(again, tries=response.tries + again.tries)
            if self._unknown(response) <= rejected:
                break
        return self.page(request, response)

    def _unknown(self, response: ApiResponse[ParsedPage]) -> set[str]:
        """The versions of rejected records in a response that the table does not hold."""
        return {self.sealed(each.version) for each in response.value.rejected} - self.known

    def _response(self, request: PageRequest, client: ChatislavClient) -> ApiResponse[ParsedPage]:
        can_shrink = request.limit > MIN_PAGE_SIZE
        return client.post(
            PATH,
            request.query(),
            str(request),
            lambda body: parse_page(body, self.bot_id, self.zone),
            tries_if_large=(TRIES_BEFORE_SMALLER_PAGES if can_shrink else TRIES),
        )

    def page(self, request: PageRequest, response: ApiResponse[ParsedPage]) -> Page:
        """The page in `response`."""
        parsed = response.value
        if request.asks_flagged:
            return self._flagged_page(parsed, response)
        records = parsed.records(response.read_at, request.flagged)
        return Page(
            records=records,
            keys=[hash(session_id) for session_id in records.session_ids],
            next_token=parsed.next_token,
            has_more=parsed.has_more,
            observations=observe(records, request.window, self.started_at, self.newest_from),
            replaced_characters=parsed.replaced_characters,
            size=response.size,
            tries=response.tries,
            rejected=parsed.rejected,
            read_at=response.read_at,
        )

    def _flagged_page(self, parsed: ParsedPage, response: ApiResponse[ParsedPage]) -> Page:
        """The page in a response to a request for flagged conversations."""
        listed = parsed.records(response.read_at)
        return Page(
            records=FastRecords((), b"", self.bot_id, response.read_at, [], []),
            keys=[],
            next_token=parsed.next_token,
            has_more=parsed.has_more,
            observations=NOTHING_SEEN,
            replaced_characters=0,
            size=0,
            tries=response.tries,
            rejected=parsed.rejected,
            read_at=response.read_at,
            flagged=[hash(session_id) for session_id in listed.session_ids],
        )
