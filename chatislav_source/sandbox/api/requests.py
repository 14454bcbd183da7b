"""Checks requests strictly against the documentation, and converts them to queries. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chatislav_source.sandbox.world.records import Row, as_utc, to_microseconds

CONVERSATION_CHANNELS = (
    "all",
    "widget",
    "whatsapp",
    "viber",
    "instagram",
    "facebook",
    "telegram",
)
ANALYTICS_CHANNELS = (*CONVERSATION_CHANNELS, "outlook", "zendesk")
RESOLUTION_STATUSES = ("all", "resolved", "unresolved")
MAX_SEARCH_LENGTH = 200  # characters of `q`
DEFAULT_LIMIT = 50  # conversations
MAX_LIMIT = 100  # conversations

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?")


class RequestError(Exception):
    """The request is refused; has the HTTP status, and the reason for the JSON body."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class ConversationsQuery:
    """A checked request for conversations; `start` included, `end` excluded, microseconds."""

    bot_id: int
    session_id: str | None
    start: int | None
    end: int | None
    search: str | None
    channel: str
    resolution_status: str
    human_takeover: bool | None
    guardrail_flagged: bool | None
    limit: int
    cursor: str | None


@dataclass(frozen=True)
class AnalyticsQuery:
    """A checked request for analytics; `start` included, `end` excluded, microseconds.

    `first` and `last` are `from` and `to` as received; the response echoes them.
    """

    bot_id: int
    start: int
    end: int
    first: str
    last: str
    channel: str


def conversations_query(
    body: Row, naive_timezone: str, to_inclusive: bool = True
) -> ConversationsQuery:
    """Check a /conversations request; dates without offset are read in `naive_timezone`.

    Raises:
        RequestError: 400, a field is unknown, missing, of a wrong type or out of its range.
    """
    fields = _Fields(body)
    zone = ZoneInfo(naive_timezone)
    query = ConversationsQuery(
        bot_id=fields.bot_id(),
        session_id=fields.text("session_id"),
        start=_start(fields.text("from"), zone),
        end=_end(fields.text("to"), zone, to_inclusive),
        search=fields.text("q", MAX_SEARCH_LENGTH),
        channel=fields.choice("channel", CONVERSATION_CHANNELS),
        resolution_status=fields.choice("resolution_status", RESOLUTION_STATUSES),
        human_takeover=fields.boolean("human_takeover"),
        guardrail_flagged=fields.boolean("guardrail_flagged"),
        limit=fields.limit(),
        cursor=fields.text("cursor"),
    )
    fields.refuse_others()
    _check_range(query.start, query.end, body.get("to"), to_inclusive)
    return query


def analytics_query(body: Row, to_inclusive: bool = True) -> AnalyticsQuery:
    """Check an /analytics request; dates without offset are read in its `timezone`, else UTC.

    Raises:
        RequestError: 400, a field is unknown, missing, of a wrong type or out of its range.
    """
    fields = _Fields(body)
    bot_id = fields.bot_id()
    first, last = fields.text("from"), fields.text("to")
    channel = fields.choice("channel", ANALYTICS_CHANNELS)
    zone = _zone(fields.text("timezone"))
    fields.refuse_others()
    start, end = _start(first, zone), _end(last, zone, to_inclusive)
    if first is None or last is None or start is None or end is None:
        raise RequestError(400, "from and to are required")
    _check_range(start, end, last, to_inclusive)
    return AnalyticsQuery(bot_id, start, end, first, last, channel)


class _Fields:
    """The fields of a request; records the names that were read, to refuse all others."""

    def __init__(self, body: Row) -> None:
        self._body = body
        self._known: set[str] = set()

    def _get(self, name: str, is_valid: Callable[[Any], bool], kind: str) -> Any:
        self._known.add(name)
        if name not in self._body:
            return None
        value = self._body[name]
        if not is_valid(value):
            raise RequestError(400, f"{name} must be {kind}")
        return value

    def bot_id(self) -> int:
        value = self._get("bot_id", _is_whole, "a number")
        if value is None:
            raise RequestError(400, "bot_id is required")
        return int(value)

    def text(self, name: str, max_length: int | None = None) -> str | None:
        value: str | None = self._get(name, lambda given: isinstance(given, str), "a string")
        if value is not None and max_length is not None and len(value) > max_length:
            raise RequestError(400, f"{name} must have at most {max_length} characters")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self._get(name, lambda given: given in allowed, f"one of {', '.join(allowed)}")
        return "all" if value is None else str(value)

    def boolean(self, name: str) -> bool | None:
        value: bool | None = self._get(name, lambda given: isinstance(given, bool), "a boolean")
        return value

    def limit(self) -> int:
        value = self._get("limit", _is_limit, f"a number from 1 to {MAX_LIMIT}")
        return DEFAULT_LIMIT if value is None else int(value)

    def refuse_others(self) -> None:
        unknown = sorted(set(self._body) - self._known)
        if unknown:
            raise RequestError(400, f"unknown field: {', '.join(unknown)}")


def _is_whole(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _is_limit(value: Any) -> bool:
    return _is_whole(value) and 1 <= value <= MAX_LIMIT


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo("UTC" if name is None else name)
    except (OSError, ValueError, KeyError):
        raise RequestError(400, "timezone must be an IANA time zone") from None


def _parse(text: str, zone: ZoneInfo) -> date | datetime:
    """A date, or a UTC date-time."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _DATE_TIME.fullmatch(text):
            moment = datetime.fromisoformat(text)
            return as_utc(moment.replace(tzinfo=moment.tzinfo or zone))
    except (ValueError, OverflowError):
        pass
    raise RequestError(400, "from and to must be ISO dates or date-times")


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_microseconds(as_utc(datetime.combine(day, time(), zone)))


def _start(text: str | None, zone: ZoneInfo) -> int | None:
    if text is None:
        return None
    moment = _parse(text, zone)
    return to_microseconds(moment) if isinstance(moment, datetime) else _midnight(moment, zone)


def _end(text: str | None, zone: ZoneInfo, to_inclusive: bool) -> int | None:
    if text is None:
        return None
    moment = _parse(text, zone)
    if isinstance(moment, datetime):
        return to_microseconds(moment) + (1 if to_inclusive else 0)
    if moment == date.max:
        raise RequestError(400, "to is too late")
    return _midnight(moment + timedelta(days=1), zone)


def _check_range(start: int | None, end: int | None, to: str | None, to_inclusive: bool) -> None:
    if start is None or end is None or to is None:
        return
    latest_start = end - 1 if to_inclusive or _DATE.fullmatch(to) else end
    if start > latest_start:
        raise RequestError(400, "from must not be after to")
