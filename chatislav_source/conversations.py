"""What: one page of conversations, from the query to rows and what the page gives away.

Facts are from `POST /conversations`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import accumulate, compress
from typing import Any

import pyarrow as pa

from chatislav_source import settings
from chatislav_source.client import Answer, ChatislavClient, Row
from chatislav_source.decoding import decode
from chatislav_source.errors import UnexpectedResponseError
from chatislav_source.rows import PageRows, digest_of, page_rows, session_id_of
from chatislav_source.typed_page import TypedPage, typed_digest, typed_page, typed_rows
from chatislav_source.values import cleaned
from chatislav_source.windows import DateWindow

PATH = settings.CONVERSATIONS_PATH
PARSING = threading.Lock()
"""Held while a page is made into rows: threads that fight for the interpreter all take longer."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000  # microseconds


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
class Touched:
    """A conversation that changed while the sync ran: its hash, and days it was active on."""

    key: int
    days: frozenset[date]


@dataclass(frozen=True)
class Page:
    """One page: its rows, and what else it tells.

    `keys` has a hash of each conversation on the page, in order; `digests` one of its content by
    session id, where the next sync will read the same days again.
    """

    rows: PageRows
    keys: list[int]
    next_token: str | None
    has_more: bool
    last_activity: datetime | None = None
    date_filter: str | None = None
    touched: list[Touched] = field(default_factory=list)
    digests: dict[str, bytes] = field(default_factory=dict)
    replaced_characters: int = 0
    size: int = 0
    tries: int = 1


@dataclass(frozen=True)
class PageReader:
    """Reads pages of one bot; windows that reach `digests_from` get digests (None: none does)."""

    bot_id: int
    zone: tzinfo
    started_at: datetime
    digests_from: date | None

    def read(self, request: PageRequest, client: ChatislavClient) -> Page:
        """The page, fetched and as rows.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        smaller_helps = request.limit > settings.MIN_PAGE_SIZE
        answer = client.post(
            PATH,
            request.query(),
            str(request),
            envelope_problem,
            shortcut=self._typed,
            tries_if_large=(
                settings.TRIES_BEFORE_SMALLER_PAGES if smaller_helps else settings.TRIES
            ),
        )
        with PARSING:
            return self.parse(request, answer)

    def _typed(self, body: bytes) -> TypedPage | None:
        if self.zone is not UTC:
            return None  # instants without an offset need a careful look each
        with PARSING:
            return typed_page(body, self.bot_id)

    def parse(self, request: PageRequest, answer: Answer) -> Page:
        """The page that `answer` holds.

        Raises:
            UnexpectedResponseError: a conversation has no id, or is another bot's.
        """
        if not isinstance(answer.value, TypedPage):
            return self._careful_parse(request, answer, answer.value, answer.needs_cleaning)
        page = self._typed_parse(request, answer)
        return page or self._careful_parse(request, answer, *decode(answer.body))

    def _typed_parse(self, request: PageRequest, answer: Answer) -> Page | None:
        items, pagination = answer.value.conversations, answer.value.pagination
        rows = typed_rows(items, self.bot_id, answer.read_at)
        if rows is None:
            return None
        digests = self._digests(request.window, rows.session_ids, map(typed_digest, items))
        page = self._page(request, answer, rows, digests)
        return replace(page, next_token=pagination.nextCursor, has_more=pagination.hasMore)

    def _careful_parse(
        self, request: PageRequest, answer: Answer, value: Row, needs_cleaning: bool
    ) -> Page:
        items: list[Row] = value["conversations"]
        session_ids = self._session_ids(request, items)
        replaced = 0
        if needs_cleaning:
            items, replaced = cleaned(items)
        rows = page_rows(items, session_ids, self.bot_id, self.zone, answer.read_at)
        digests = self._digests(request.window, session_ids, map(digest_of, items))
        page = self._page(request, answer, rows, digests)
        return replace(
            page,
            next_token=value["pagination"].get("nextCursor"),
            has_more=value["pagination"]["hasMore"],
            replaced_characters=replaced,
        )

    def _page(
        self, request: PageRequest, answer: Answer, rows: PageRows, digests: dict[str, bytes]
    ) -> Page:
        active = [moment for moment in rows.active if moment is not None]
        return Page(
            rows=rows,
            keys=[hash(session_id) for session_id in rows.session_ids],
            next_token=None,
            has_more=False,
            last_activity=EPOCH + timedelta(microseconds=max(active)) if active else None,
            date_filter=date_filter_shown(rows, request.window, self.started_at),
            touched=touched(rows, request.window, self.started_at),
            digests=digests,
            size=answer.size,
            tries=answer.tries,
        )

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

    def _digests(
        self, window: DateWindow, session_ids: Sequence[str], digests: Iterator[bytes]
    ) -> dict[str, bytes]:
        is_recent = self.digests_from is not None and (
            window.last_day is None or window.last_day >= self.digests_from
        )
        return dict(zip(session_ids, digests, strict=True)) if is_recent else {}


def envelope_problem(value: Row) -> str | None:
    """What is wrong with a page's envelope, so that believing it would lose rows; else None."""
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


def kept_rows(rows: PageRows, keep: list[bool]) -> PageRows:
    """The conversations for which `keep` is true, with their messages."""
    mask = pa.array(keep, pa.bool_())
    kept_messages = mask.take(rows.parents)
    places = pa.array(list(accumulate(keep, initial=0)), pa.int32())
    return PageRows(
        rows.conversations.filter(mask),
        rows.messages.filter(kept_messages),
        places.take(rows.parents.filter(kept_messages)),
        list(compress(rows.has_messages, keep)),
        list(compress(rows.session_ids, keep)),
        list(compress(rows.created, keep)),
        list(compress(rows.active, keep)),
    )


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def _start_of(day: date) -> int:
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def date_filter_shown(rows: PageRows, window: DateWindow, started_at: datetime) -> str | None:
    """Which date the API filters on, where a row proves it: one date in `window`, the other not.

    A day each side stays out of the proof, as the zone of the bounds is not documented; so do
    rows that were changed since `started_at`, which may have left the window meanwhile.
    """
    margin = timedelta(days=settings.ZONE_MARGIN_DAYS)
    low = _start_of(window.first_day - margin)
    high = _start_of(window.last_day + 2 * margin) if window.last_day else None
    changed_from = microseconds(started_at) - settings.CLOCK_MARGIN_SECONDS * SECOND
    shown = set()
    for created, active in zip(rows.created, rows.active, strict=True):
        if created is None or active is None or active >= changed_from:
            continue
        created_in = low <= created and (high is None or created < high)
        active_in = low <= active and (high is None or active < high)
        if created_in != active_in:
            shown.add("created" if created_in else "activity")
    return shown.pop() if len(shown) == 1 else None


def touched(rows: PageRows, window: DateWindow, started_at: datetime) -> list[Touched]:
    """Conversations of the newest days that were older ones until they changed in this sync."""
    if window.last_day is not None:
        return []
    changed_from = microseconds(started_at) - settings.CLOCK_MARGIN_SECONDS * SECOND
    found: dict[int, set[date]] = {}
    for number, (created, active) in enumerate(zip(rows.created, rows.active, strict=True)):
        if active is None or active < changed_from:
            continue
        if created is None:
            found[number] = set()
        elif created < _start_of(window.first_day):
            found[number] = {(EPOCH + timedelta(microseconds=created)).date()}
    if not found:
        return []
    times = rows.messages["created_at"].to_pylist()
    for parent, sent_at in zip(rows.parents.to_pylist(), times, strict=True):
        if parent in found and sent_at is not None:
            found[parent].add(sent_at.date())
    return [
        Touched(hash(rows.session_ids[number]), frozenset(days)) for number, days in found.items()
    ]
