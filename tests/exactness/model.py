"""A small API in memory, without HTTP and threads, to test thousands of schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from zlib import crc32

from chatislav_source.config import SyncConfig, checked
from chatislav_source.errors import ChatislavError, RequestRejectedError, RetriesExhaustedError
from chatislav_source.streams.conversations.page import PATH, PageRequest
from chatislav_source.streams.date_window import ALL, CHANNELS, RESOLUTION_STATUSES

BOT_ID = 7
API = "http://model/api"
START = datetime(2026, 6, 30, 12, tzinfo=UTC)


def seeded(seed: int) -> Random:
    """Random numbers, the same for the same seed."""
    return Random(seed)  # noqa: S311 - made-up data


@dataclass
class Conversation:
    """One conversation; `sent` are the times of its messages."""

    session_id: str
    created: datetime
    activity: datetime
    sent: list[datetime]
    version: int = 0
    flagged: bool = False

    @property
    def channel(self) -> str:
        """One of the documented channels, always the same."""
        return CHANNELS[crc32(self.session_id.encode()) % len(CHANNELS)]

    @property
    def resolution_status(self) -> str:
        """One of the documented statuses, always the same."""
        return RESOLUTION_STATUSES[crc32(self.session_id.encode()) // 8 % 2]


@dataclass
class ModelApi:
    """Conversations of one bot in pages, for each behaviour that the documentation leaves open."""

    random: Random
    date_filter: str = "activity"
    order: str = "newest_activity"
    token: str = "offset"
    token_uses: int | None = None
    token_age: int | None = None  # requests
    now: datetime = START
    world: dict[str, Conversation] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    requests: int = 0
    depth: int | None = None  # conversations that a listing has at most; the page after them fails
    depth_status: int = 500
    before_page: Callable[[PageRequest], None] = lambda _: None
    _tokens: dict[str, tuple[int, Any]] = field(default_factory=dict)
    _uses: dict[str, int] = field(default_factory=dict)

    def add(self, created: datetime, activity: datetime | None = None) -> Conversation:
        """Add a conversation with a first and a last message."""
        session_id = f"s{len(self.world) + len(self.removed)}-{self.random.randrange(10**6)}"
        activity = activity or created
        sent = [created] if activity == created else [created, activity]
        self.world[session_id] = Conversation(session_id, created, activity, sent)
        return self.world[session_id]

    def touch(self, conversation: Conversation) -> None:
        """Add a message now."""
        conversation.version += 1
        conversation.activity = self.now
        conversation.sent = [*conversation.sent, self.now]

    def remove(self, conversation: Conversation) -> None:
        """Remove the conversation."""
        del self.world[conversation.session_id]
        self.removed.add(conversation.session_id)

    def date_of(self, conversation: Conversation) -> date:
        """The day that the API compares with `from` and `to`."""
        by_creation = self.date_filter == "created"
        return (conversation.created if by_creation else conversation.activity).date()

    def page(self, request: PageRequest) -> dict[str, Any]:
        """The response to a request.

        Raises:
            RequestRejectedError: its page token has expired, or the page is too deep.
            RetriesExhaustedError: the page is too deep.
        """
        self.requests += 1
        self.before_page(request)
        position: Any = 0
        if request.page_token:
            position = self._redeemed(request)
        rows = self._rows(request, position if self.token == "snapshot" else None)
        first = self._first(rows, position)
        if self.depth is not None and first >= self.depth:
            raise too_deep(request, self.depth_status)
        shown = rows[first : first + request.limit]
        more = first + request.limit < len(rows)
        token = None
        if more:
            token = f"t{len(self._tokens)}"
            following: Any = first + request.limit
            if self.token == "keyset":
                following = self._key(shown[-1])
            elif self.token == "snapshot":
                following = (following, [row.session_id for row in rows])
            self._tokens[token] = (self.requests, following)
        current = [self.world[row.session_id] for row in shown if row.session_id in self.world]
        return {
            "conversations": [rendered(row) for row in current],
            "pagination": {"limit": request.limit, "nextCursor": token, "hasMore": more},
        }

    def _redeemed(self, request: PageRequest) -> Any:
        token = request.page_token or ""
        issued, position = self._tokens[token]
        self._uses[token] = self._uses.get(token, 0) + 1
        too_often = self.token_uses is not None and self._uses[token] > self.token_uses
        too_old = self.token_age is not None and self.requests - issued > self.token_age
        if too_often or too_old:
            raise RequestRejectedError(PATH, str(request), 400, "cursor has expired")
        return position

    def _rows(self, request: PageRequest, snapshot: Any) -> list[Conversation]:
        if snapshot:
            ghost = Conversation("", START, START, [])
            return [self.world.get(session_id, ghost) for session_id in snapshot[1]]
        window = request.window
        rows = [
            row
            for row in self.world.values()
            if window.contains(self.date_of(row))
            and window.channel in (ALL, row.channel)
            and window.resolution_status in (ALL, row.resolution_status)
            and (row.flagged or not request.asks_flagged)
        ]
        return sorted(rows, key=self._key)

    def _first(self, rows: list[Conversation], position: Any) -> int:
        if self.token == "snapshot" and position:
            return int(position[0])
        if self.token == "keyset" and position:
            return sum(self._key(row) <= position for row in rows)
        return int(position or 0)

    def _key(self, row: Conversation) -> tuple[float, str]:
        keys = {
            "newest_activity": -row.activity.timestamp(),
            "oldest_activity": row.activity.timestamp(),
            "newest_created": -row.created.timestamp(),
            "oldest_created": row.created.timestamp(),
            "shuffled": float(crc32(row.session_id.encode())),
        }
        return keys[self.order], row.session_id


def too_deep(request: PageRequest, status: int) -> ChatislavError:
    """The error of a page that a listing does not reach."""
    if status >= 500:
        return RetriesExhaustedError(PATH, str(request), 4, f"HTTP {status}", size_may_be_why=True)
    return RequestRejectedError(PATH, str(request), status, "offset too large")


def rendered(row: Conversation) -> dict[str, Any]:
    """A conversation as the API writes it."""
    messages = [
        {"id": f"{row.session_id}-{n}", "createdAt": sent.isoformat(), "role": "user", "content": n}
        for n, sent in enumerate(row.sent)
    ]
    return {
        "sessionId": row.session_id,
        "botId": BOT_ID,
        "createdAt": row.created.isoformat(),
        "lastActivity": row.activity.isoformat(),
        "feedbackComment": f"version {row.version}",
        "messages": messages,
    }


def config_at(
    now: datetime, start: date, lookback_days: int | None = None, with_flags: bool = False
) -> SyncConfig:
    """The config of a sync of the model's bot."""
    return checked(
        bot_ids=[BOT_ID],
        api_key="key",
        base_url=API,
        start_date=start,
        lookback_days=lookback_days,
        guardrail_flags=with_flags,
        max_concurrency=4,
        now=now,
    )
