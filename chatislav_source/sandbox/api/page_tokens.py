"""Page tokens: opaque text with a checksum; limited in uses and age, and bound to a query."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import count
from zlib import crc32

from chatislav_source.sandbox.api.page_order import RecordKey, SortKey
from chatislav_source.sandbox.api.requests import ConversationsQuery, RequestError
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.records import Record, text_number

CHECKSUM_BYTES = 4
MAX_SNAPSHOTS = 1_000  # the oldest snapshot is dropped, and its tokens expire
MAX_COUNTED_TOKENS = 100_000  # tokens whose uses are counted


class BadTokenError(Exception):
    """The page token was not issued by this sandbox, or is damaged."""


@dataclass(frozen=True)
class PageToken:
    """The position of the next page, and the request that the token is bound to.

    `position` is a number of rows (offset and snapshot), `key` the sort key of the last row
    (keyset), `snapshot` the number of a snapshot; `issued_at` is in seconds of the Unix clock.
    """

    kind: str
    page: int
    position: int
    key: SortKey | None
    snapshot: int
    filters: int
    limit: int
    issued_request: int
    issued_at: float
    serial: int

    def first_row(self, rows: Sequence[Record], key: RecordKey) -> int:
        """Index in `rows` of the first row of the page; for a keyset, after the last row's key."""
        if self.kind == "keyset" and self.key is not None:
            return bisect_right(rows, self.key, key=key)
        return self.position

    def encode(self) -> str:
        """The token as URL-safe text with a checksum."""
        content = json.dumps(astuple(self)).encode()
        checked = crc32(content).to_bytes(CHECKSUM_BYTES) + content
        return urlsafe_b64encode(checked).rstrip(b"=").decode()


def decode(text: str) -> PageToken:
    """Parse a token.

    Raises:
        BadTokenError: it is malformed or its checksum is wrong.
    """
    try:
        checked = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        content = checked[CHECKSUM_BYTES:]
        if crc32(content).to_bytes(CHECKSUM_BYTES) != checked[:CHECKSUM_BYTES]:
            raise BadTokenError("wrong checksum")
        kind, page, position, key, *rest = json.loads(content)
        return PageToken(kind, page, position, key and (key[0], key[1]), *rest)
    except (ValueError, TypeError) as error:
        raise BadTokenError("malformed") from error


class PageTokens:
    """Issues and checks page tokens by the settings; not thread-safe."""

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
            RequestError: the token is malformed (400), or expired, used up or bound to another
                request (the configured status).
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
        """Store `rows` in their current order; returns the number of the snapshot."""
        number = next(self._serials)
        self._snapshots[number] = rows
        if len(self._snapshots) > MAX_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return number

    def snapshot(self, number: int) -> Sequence[Record]:
        """The snapshot with that number."""
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
        max_uses = self._settings.token_max_uses
        if max_uses is None:
            return None
        if self._uses[token.serial] >= max_uses:
            return "was already used"
        if len(self._uses) >= MAX_COUNTED_TOKENS:
            self._uses.clear()
        self._uses[token.serial] += 1
        return None


def fingerprint(query: ConversationsQuery) -> int:
    """A number that is equal for equal filters; `limit` and `cursor` are not filters."""
    return text_number(repr(replace(query, limit=0, cursor=None)))
