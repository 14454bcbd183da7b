"""Page tokens as the sandbox hands them out and takes them back: uses, age, bindings, snapshots."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from .paging import BadTokenError, PageToken, decode
from .records import Record, text_number
from .requests import ConversationsQuery, RequestError
from .settings import Settings

MAX_SNAPSHOTS = 1_000  # frozen lists; the oldest is forgotten, and its tokens expire with it
MAX_COUNTED_TOKENS = 100_000  # tokens whose uses are remembered


class PageTokens:
    """Issues page tokens and refuses those that the settings no longer allow; not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._serials = count(1)
        self._uses: Counter[int] = Counter()
        self._snapshots: OrderedDict[int, Sequence[Record]] = OrderedDict()

    def issue(self, token: PageToken, request_number: int) -> str:
        """`token` as text, with a serial number and the time of issue."""
        stamped = replace(
            token,
            serial=next(self._serials),
            issued_request=request_number,
            issued_at=time.time(),
        )
        return stamped.encode()

    def redeem(self, query: ConversationsQuery, request_number: int) -> PageToken | None:
        """The token of a request, None if it has none.

        Raises:
            RequestError: the token is malformed (400), or expired, used up or bound to something
                else (the configured status).
        """
        if query.cursor is None:
            return None
        try:
            token = decode(query.cursor)
        except BadTokenError:
            raise RequestError(400, "cursor is malformed") from None
        problem = self._problem(token, query, request_number)
        if problem:
            raise RequestError(self._settings.expired_token_status, f"cursor {problem}")
        return token

    def freeze(self, rows: Sequence[Record]) -> int:
        """Keep `rows` as they are ordered now; the number to get them back by."""
        number = next(self._serials)
        self._snapshots[number] = rows
        if len(self._snapshots) > MAX_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return number

    def snapshot(self, number: int) -> Sequence[Record]:
        """The frozen list of that number."""
        return self._snapshots[number]

    def _problem(
        self, token: PageToken, query: ConversationsQuery, request_number: int
    ) -> str | None:
        settings = self._settings
        if settings.token_bound_to_filters and token.filters != fingerprint(query):
            return "belongs to other filters"
        if settings.token_bound_to_limit and token.limit != query.limit:
            return "belongs to another limit"
        age = time.time() - token.issued_at
        if settings.token_max_age_seconds is not None and age >= settings.token_max_age_seconds:
            return "has expired"
        later = request_number - token.issued_request
        if settings.token_max_requests is not None and later > settings.token_max_requests:
            return "has expired"
        if token.kind == "snapshot" and token.snapshot not in self._snapshots:
            return "has expired"
        return self._count_use(token)

    def _count_use(self, token: PageToken) -> str | None:
        most = self._settings.token_max_uses
        if most is None:
            return None
        if self._uses[token.serial] >= most:
            return "was used already"
        if len(self._uses) >= MAX_COUNTED_TOKENS:
            self._uses.clear()
        self._uses[token.serial] += 1
        return None


def fingerprint(query: ConversationsQuery) -> int:
    """The same number for the same filters; `limit` and `cursor` are not filters."""
    return text_number(repr(replace(query, limit=0, cursor=None)))
