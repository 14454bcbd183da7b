"""What: one page of conversations, from the query to rows and what the page gives away.

Facts are from `POST /conversations`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, partial
from itertools import accumulate, compress
from typing import Any

import pyarrow as pa

from chatislav_source.api.client import CONVERSATIONS_PATH, TRIES, ApiResponse, ChatislavClient, Row
from chatislav_source.errors import UnexpectedResponseError, WrongShapeError
from chatislav_source.records.convert import sanitized
from chatislav_source.records.fast_decode import (
    Decoded,
    TypedPage,
    days_of_messages,
    typed_digest,
    typed_page,
    typed_times,
)
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.tolerant_rows import (
    NO_ROWS,
    RecordBatch,
    digest_of,
    page_rows,
    session_id_of,
)
from chatislav_source.streams.conversations.observations import (
    EPOCH,
    ChangedDuringSync,
    PageObservations,
    date_filter_shown,
    days_sent,
    touched,
)
from chatislav_source.streams.date_window import DateWindow

MIN_PAGE_SIZE = 12  # conversations; a page this small that still fails will not get better
TRIES_BEFORE_SMALLER_PAGES = 4  # a page that fails this often may be too large

PATH = CONVERSATIONS_PATH
PARSING = threading.Lock()
"""Held while a page is made into rows: threads that fight for the interpreter all take longer."""


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
class PageBody:
    """A decoded body: typed if it is as documented, else JSON values, which may need `sanitized`."""

    value: Row | TypedPage = field(repr=False)  # personal data, and so is the body
    body: bytes = field(repr=False)
    needs_cleaning: bool


Digests = Callable[[], dict[str, bytes]]


@dataclass(frozen=True)
class Page:
    """One page: its rows, and what else it tells.

    `keys` has a hash of each conversation on the page, in order; `digests` makes one of its content
    by session id, where the next sync will read the same days again. `rows` are empty as long as
    `decoded` is there, see `building.py`.
    """

    rows: RecordBatch
    keys: list[int]
    next_token: str | None
    has_more: bool
    last_activity: datetime | None = None
    date_filter: str | None = None
    touched: list[ChangedDuringSync] = field(default_factory=list)
    digests: Digests = dict
    replaced_characters: int = 0
    size: int = 0
    tries: int = 1
    decoded: Decoded | None = None

    @property
    def session_ids(self) -> Sequence[str]:
        """The ids, in order."""
        return self.decoded.session_ids if self.decoded else self.rows.session_ids


@dataclass(frozen=True)
class PageReader:
    """Reads pages of one bot; windows that reach `digests_from` get digests (None: none does).

    In windows from `tail_from` on it is seen what has moved since `started_at`.
    """

    bot_id: int
    zone: tzinfo
    started_at: datetime
    tail_from: date
    digests_from: date | None

    def read(self, request: PageRequest, client: ChatislavClient) -> Page:
        """The page, fetched and as rows.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        smaller_helps = request.limit > MIN_PAGE_SIZE
        answer = client.post(
            PATH,
            request.query(),
            str(request),
            self.decode,
            tries_if_large=(TRIES_BEFORE_SMALLER_PAGES if smaller_helps else TRIES),
        )
        return self.parse(request, answer)

    def decode(self, body: bytes) -> PageBody:
        """The decoded body.

        Raises:
            ValueError: it is no JSON.
            WrongShapeError: its envelope is not as documented.
        """
        # in another zone, instants without an offset need a careful look each
        typed = typed_page(body, self.bot_id) if self.zone is UTC else None
        if typed is not None:
            return PageBody(typed, body, False)
        return PageBody(*decode_envelope(body))

    def parse(self, request: PageRequest, answer: ApiResponse[PageBody]) -> Page:
        """The page that `answer` holds.

        Raises:
            UnexpectedResponseError: a conversation has no id, or is another bot's.
        """
        decoded = answer.value
        if not isinstance(decoded.value, TypedPage):
            with PARSING:
                return self._careful_parse(request, answer, decoded.value, decoded.needs_cleaning)
        page = self._typed_parse(request, answer, decoded.value)
        if page is not None:
            return page
        with PARSING:
            return self._careful_parse(request, answer, *decode(decoded.body))

    def _typed_parse(
        self, request: PageRequest, answer: ApiResponse[PageBody], typed: TypedPage
    ) -> Page | None:
        items, pagination = typed.conversations, typed.pagination
        moments = typed_times(items)
        if moments is None:
            return None
        decoded = Decoded(items, answer.value.body, self.bot_id, answer.read_at, *moments)
        tells = PageObservations(
            decoded.session_ids, *moments, lambda number: days_of_messages(items[number])
        )
        page = self._page(request, answer, NO_ROWS, tells)
        return replace(
            page,
            decoded=decoded,
            # not made yet, as most are never asked for, and then only once
            digests=cache(partial(_digests, decoded.session_ids, typed_digest, items))
            if self._is_read_again(request.window)
            else dict,
            next_token=pagination.nextCursor,
            has_more=pagination.hasMore,
        )

    def _careful_parse(
        self, request: PageRequest, answer: ApiResponse[PageBody], value: Row, needs_cleaning: bool
    ) -> Page:
        items: list[Row] = value["conversations"]
        session_ids = self._session_ids(request, items)
        replaced = 0
        if needs_cleaning:
            items, replaced = sanitized(items)
        rows = page_rows(items, session_ids, self.bot_id, self.zone, answer.read_at)
        is_read_again = self._is_read_again(request.window)
        digests = _digests(session_ids, digest_of, items) if is_read_again else {}
        tells = PageObservations(
            rows.session_ids, rows.created, rows.active, partial(days_sent, rows)
        )
        page = self._page(request, answer, rows, tells)
        return replace(
            page,
            digests=digests.copy,
            next_token=value["pagination"].get("nextCursor"),
            has_more=value["pagination"]["hasMore"],
            replaced_characters=replaced,
        )

    def _page(
        self,
        request: PageRequest,
        answer: ApiResponse[PageBody],
        rows: RecordBatch,
        tells: PageObservations,
    ) -> Page:
        active = [moment for moment in tells.active if moment is not None]
        return Page(
            rows=rows,
            keys=[hash(session_id) for session_id in tells.session_ids],
            next_token=None,
            has_more=False,
            last_activity=EPOCH + timedelta(microseconds=max(active)) if active else None,
            date_filter=date_filter_shown(tells, request.window, self.started_at),
            touched=self._touched(request.window, tells),
            size=answer.size,
            tries=answer.tries,
        )

    def _touched(self, window: DateWindow, tells: PageObservations) -> list[ChangedDuringSync]:
        is_of_tail = window.first_day >= self.tail_from
        return touched(tells, self.tail_from, self.started_at) if is_of_tail else []

    def _session_ids(self, request: PageRequest, items: Sequence[Any]) -> list[str]:
        ids = []
        for item in items:
            session_id = session_id_of(item) if isinstance(item, dict) else None
            if session_id is None:
                raise UnexpectedResponseError(PATH, str(request), "a conversation has no sessionId")
            if str(item.get("botId", self.bot_id)) not in (str(self.bot_id), "None"):
                raise UnexpectedResponseError(PATH, str(request), "it holds another bot's rows")
            ids.append(session_id)
        return ids

    def _is_read_again(self, window: DateWindow) -> bool:
        """Whether the next sync reads these days again."""
        return self.digests_from is not None and not window.ends_before(self.digests_from)


def _digests(
    session_ids: Sequence[str], digest: Callable[[Any], bytes], items: Sequence[Any]
) -> dict[str, bytes]:
    return dict(zip(session_ids, map(digest, items), strict=True))


def decode_envelope(body: bytes) -> tuple[Row, bytes, bool]:
    """The JSON object of a page, its body, and whether texts in it need `sanitized`.

    Raises:
        ValueError: the body is no JSON.
        WrongShapeError: its envelope is not as documented.
    """
    value, needs_cleaning = decode(body)
    problem = envelope_problem(value)
    if problem:
        raise WrongShapeError(problem)
    return value, body, needs_cleaning


def envelope_problem(value: Any) -> str | None:
    """What is wrong with a page's envelope, so that believing it would lose rows; else None."""
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


def kept_rows(rows: RecordBatch, keep: list[bool]) -> RecordBatch:
    """The conversations for which `keep` is true, with their messages."""
    mask = pa.array(keep, pa.bool_())
    kept_messages = mask.take(rows.parents)
    places = pa.array(list(accumulate(keep, initial=0)), pa.int32())
    return RecordBatch(
        rows.conversations.filter(mask),
        rows.messages.filter(kept_messages),
        places.take(rows.parents.filter(kept_messages)),
        list(compress(rows.has_messages, keep)),
        list(compress(rows.session_ids, keep)),
        list(compress(rows.created, keep)),
        list(compress(rows.active, keep)),
    )
