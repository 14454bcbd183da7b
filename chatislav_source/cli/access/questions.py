"""What a few responses say about the API where its documentation is silent; pure.

A finding quotes names of fields, documented and undocumented values of enumerations, and instants;
never an id, a text or contact data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chatislav_source.records.json_decoder import Row
from chatislav_source.records.known_fields import known_fields
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES
from chatislav_source.streams.date_window import CHANNELS, RESOLUTION_STATUSES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
ROLES = ("user", "assistant")


@dataclass(frozen=True)
class Finding:
    """The answer to one open question, and what it was concluded from; None: not settled."""

    question: str
    answer: str | None
    evidence: str

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Listing:
    """One page: its conversations as sent, their instants by session id, and its page token.

    Instants are microseconds since 1970 in UTC, None where there is none. `date_filter` is that of
    `date_filter_shown`.
    """

    items: Sequence[Row]
    session_ids: Sequence[str]
    created: Sequence[int | None]
    active: Sequence[int | None]
    date_filter: str | None
    limit: int
    next_token: str | None
    has_more: bool


def of_fields(pages: Sequence[Listing]) -> Iterator[Finding]:
    """What the values of the conversations say."""
    items = [item for page in pages for item in page.items]
    messages = [each for item in items for each in _messages(item)]
    seen = f"{len(items)} conversations, {len(messages)} messages"
    yield _offsets(items)
    yield Finding(
        "values of helpful",
        _listed(_number(item.get("helpful")) for item in items) if items else None,
        seen,
    )
    yield Finding("messages null or absent", _lacking_messages(items), seen)
    for name, values, known in (
        ("channels", (item.get("channel") for item in items), CHANNELS),
        ("resolution statuses", (i.get("resolutionStatus") for i in items), RESOLUTION_STATUSES),
        ("roles of messages", (each.get("role") for each in messages), ROLES),
    ):
        found = {value for value in values if value is not None}
        answer = _listed(found - set(known)) if found else None
        yield Finding(f"{name} that are not documented", answer, seen)
    yield Finding("fields that are not documented", _unknown_fields(items) if items else None, seen)


def _messages(item: Row) -> list[Row]:
    messages = item.get("messages")
    return [each for each in messages if isinstance(each, dict)] if messages else []


def _number(value: Any) -> Any:
    """A number, true, false or null; of anything else its kind, as it may be somebody's words."""
    return value if isinstance(value, int | float | None) else f"a {type(value).__name__}"


def _offsets(items: Sequence[Row]) -> Finding:
    texts = [text for item in items for text in (item.get("createdAt"), item.get("lastActivity"))]
    written = [text for text in texts if isinstance(text, str)]
    with_offset = sum(bool(OFFSET.search(text)) for text in written)
    kinds = {0: "none has one", len(written): "all have one"}
    return Finding(
        "offset of timestamps",
        kinds.get(with_offset, "some have one") if written else None,
        f"{with_offset} of {len(written)} timestamps",
    )


def _lacking_messages(items: Sequence[Row]) -> str | None:
    if not items:
        return None
    lacking = sum(item.get("messages") is None for item in items)
    return f"{lacking} of {len(items)} conversations" if lacking else "none"


def _unknown_fields(items: Sequence[Row]) -> str:
    of_conversation = known_fields(CONVERSATIONS, ["messages"])
    of_message = known_fields(MESSAGES)
    names: set[str] = set()
    for item in items:
        names |= (of_conversation.unknown_in(item) or {}).keys()
        for message in _messages(item):
            names |= {f"messages.{name}" for name in of_message.unknown_in(message) or {}}
    return _listed(names)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(sorted({"null" if v is None else str(v) for v in values})) or "none"


ORDERS: dict[str, Callable[[Listing], list[int | None]]] = {
    "lastActivity": lambda page: list(page.active),
    "createdAt": lambda page: list(page.created),
}


def order_of(pages: Sequence[Listing]) -> Finding:
    """By which date, and in which direction, the conversations of consecutive pages are sorted."""
    fitting = []
    for name, instants in ORDERS.items():
        values = [value for page in pages for value in instants(page) if value is not None]
        if values == sorted(values) != values[::-1]:
            fitting.append(f"{name}, oldest first")
        if values == sorted(values, reverse=True) != values[::-1]:
            fitting.append(f"{name}, newest first")
    count = sum(len(page.session_ids) for page in pages)
    return Finding(
        "order of pages",
        " or ".join(fitting) or ("neither lastActivity nor createdAt" if count > 2 else None),
        f"{count} conversations of {len(pages)} pages",
    )


def short_pages(pages: Sequence[Listing]) -> Finding:
    """Whether a page that others follow may have fewer conversations than its limit."""
    followed = [page for page in pages if page.has_more]
    shorter = sum(len(page.items) < page.limit for page in followed)
    return Finding(
        "pages smaller than limit",
        ("yes" if shorter else "no") if followed else None,
        f"{shorter} of {len(followed)} pages that others follow",
    )


def days_that_tell(pages: Sequence[Listing]) -> list[date]:
    """The first and the last day (UTC) of a conversation that show what the API filters on.

    They are apart by more than a zone can explain. Empty if no conversation has such days.
    """
    for page in pages:
        for created, active in zip(page.created, page.active, strict=True):
            if created is not None and active is not None:
                days = [day_of(created), day_of(active)]
                if days[1] - days[0] > timedelta(days=2):
                    return days
    return []


def date_filter(of_days: Sequence[Listing]) -> Finding:
    """Which date `from` and `to` filter on, by pages of single days."""
    shown = {page.date_filter for page in of_days} - {None}
    names = {"created": "createdAt", "activity": "lastActivity"}
    return Finding(
        "date that from and to filter on",
        names[str(shown.pop())] if len(shown) == 1 else None,
        f"{sum(len(page.items) for page in of_days)} conversations of {len(of_days)} single days",
    )


def day_of(instant: int) -> date:
    """The day in UTC of microseconds since 1970."""
    return (EPOCH + timedelta(microseconds=instant)).date()
