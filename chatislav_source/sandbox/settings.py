"""Every setting of the sandbox: what the API's documentation leaves open, and faults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from chatislav_source.sandbox.rendering.shape import Shape, shape_of
from chatislav_source.sandbox.world.mutations import MUTATION_KINDS

FAULT_KINDS = (
    "429",
    "429_retry_after",
    "429_retry_after_date",
    "408",
    "425",
    "500",
    "502_html",
    "503",
    "503_retry_after",
    "reset",  # the connection is reset before an answer
    "truncated",  # Content-Length is larger than the body, then the connection closes
    "invalid_json",
    "empty_body",
    "html_200",
    "wrong_shape",  # valid JSON of another structure, in rotation
    "slow",  # `slow_seconds`, then a good answer
    "hang",  # `hang_seconds`, then the connection closes without an answer
)


@dataclass
class Settings:
    """How the sandbox behaves; fields can be assigned while it serves, `prerender` before that.

    Times are seconds, probabilities 0 to 1, statuses HTTP statuses. Assigning an unknown name
    raises AttributeError, a value that is not allowed ValueError.
    """

    # Which date `from` and `to` filter on: lastActivity or createdAt.
    date_filter: Literal["activity", "created"] = "activity"
    # Whether a date-time `to` includes that very instant; a date-only `to` includes its whole day.
    datetime_to_inclusive: bool = True
    # Order of conversations over all pages; "shuffled" is always the same, "random" never.
    page_order: Literal[
        "newest_activity",
        "oldest_activity",
        "newest_created",
        "oldest_created",
        "session_id",
        "shuffled",
        "random",
    ] = "newest_activity"
    # What a page token holds: a number of rows, the last row's sort key, or a frozen list of ids.
    page_token: Literal["offset", "keyset", "snapshot"] = "offset"  # noqa: S105 - not a password
    # Times a page token may be used; None: without limit.
    token_max_uses: int | None = None
    # A page token is refused once this many more requests of any kind have come; None: never.
    token_max_requests: int | None = None
    # Seconds after which a page token is refused; None: never, 0: always.
    token_max_age_seconds: float | None = None
    # Whether a page token is refused with other filters than those it was made for.
    token_bound_to_filters: bool = True
    # Whether a page token is refused with another `limit` than the one it was made for.
    token_bound_to_limit: bool = False
    # Status for a page token that is expired, used up or bound to something else.
    expired_token_status: int = 400

    # Pages after this one repeat the token they were asked with, hasMore true; None: off.
    token_repeats: int | None = None
    # hasMore true, nextCursor null.
    token_missing: bool = False
    # hasMore true, nextCursor not there.
    token_absent: bool = False
    # hasMore false, nextCursor set nevertheless.
    token_when_done: bool = False
    # The last page with rows says hasMore true; an empty page with hasMore false follows.
    empty_last_page: bool = False
    # Every second page is empty, hasMore true, with a good token.
    empty_middle_pages: bool = False
    # Every page after the first is empty, hasMore true, with a new token, without end.
    endless_empty_pages: bool = False
    # Pages hold fewer than `limit` conversations though more follow.
    short_pages: bool = False
    # Pages begin with the last row of the page before (not with `limit` 1, which would never end).
    overlapping_pages: bool = False

    # How dates are written: without zone, with Z, with an offset, with microseconds, or all mixed.
    timestamps: Literal["naive", "z", "offset", "microseconds", "mixed"] = "naive"
    # IANA zone of dates without offset, in rows and in the date filters.
    naive_timezone: str = "UTC"
    # Undocumented fields in the rows; see `extra_fields.py`.
    extra_fields: Literal["none", "new", "changing_types", "colliding"] = "none"
    # What `messages` of every conversation is.
    messages_mode: Literal["full", "null", "absent", "empty"] = "full"

    # Fault kind -> probability per request; tried in random order, a request meets one at most.
    faults: dict[str, float] = field(default_factory=dict)
    # Seed of the faults.
    fault_seed: int = 1
    # Bots whose requests meet faults; None: all.
    fault_bots: set[int] | None = None
    # Paths, as "/analytics", whose requests meet faults; None: all.
    fault_paths: set[str] | None = None
    # Seconds in the Retry-After header.
    retry_after_seconds: float = 1.0
    # Seconds that a "slow" answer takes longer.
    slow_seconds: float = 0.5
    # Seconds after which a "hang" closes the connection; ends at once when the sandbox stops.
    hang_seconds: float = 60.0
    # Seconds before every answer.
    latency_seconds: float = 0.0

    # Requests per second that are let through on average; None: all.
    rate_limit_per_second: float | None = None
    # Requests that are let through at once after a quiet time.
    rate_limit_burst: int = 1
    # Whether a request over the limit is told Retry-After.
    rate_limit_retry_after: bool = False
    # Status of a request over the limit.
    rate_limit_status: Literal[429, 503] = 429
    # Greatest `limit` of /conversations that works; None: 100.
    largest_good_limit: int | None = None
    # What happens with a greater one.
    largest_good_limit_fault: Literal["500", "hang", "slow"] = "500"

    # API keys that are refused.
    revoked_keys: set[str] = field(default_factory=set)
    # From the request with this number on every key is refused; None: never.
    revoke_all_after_requests: int | None = None
    # Keys that `revoke_all_after_requests` spares.
    still_valid_keys: set[str] = field(default_factory=set)
    # Whether API Access is enabled for the workspace.
    api_access_enabled: bool = True
    # Status of a refused key.
    auth_failure_status: Literal[401, 403] = 401
    # Bot id -> status of every request for it.
    bot_status: dict[int, int] = field(default_factory=dict)
    # Paths, as "/analytics", to which `bot_status` applies; None: all.
    bot_status_paths: set[str] | None = None
    # Status for a bot that does not exist.
    unknown_bot_status: int = 404
    # What analytics echo wrongly; None: nothing.
    analytics_echo_wrong: Literal["from", "to", "bot_id"] | None = None

    # Mutation kind -> probability that it happens to the bot after each answer of /conversations.
    churn: dict[str, float] = field(default_factory=dict)
    # Seed of the churn.
    churn_seed: int = 1
    # Most mutations in total; None: without limit.
    churn_limit: int | None = None
    # Seconds that the sandbox's clock is ahead for what changes now; may be negative.
    clock_offset_seconds: float = 0.0
    # Whether all conversations are rendered before the start, about 2 kB each, for benchmarks.
    prerender: bool = False
    # Requests that are kept for `requests`, the latest ones; counters go on without limit.
    max_request_log: int = 100_000

    def __setattr__(self, name: str, value: Any) -> None:
        """Check and assign; JSON lists become sets, and text keys numbers, where those belong."""
        hints = _hints()
        if name not in hints:
            raise AttributeError(f"no setting is named {name!r}; there are: {', '.join(hints)}")
        try:
            checked = _conform(hints[name], value)
            _check(name, checked)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} cannot be {value!r}: {error}") from None
        object.__setattr__(self, name, checked)

    def configure(self, **changes: Any) -> None:
        """Assign several at once, all or none.

        Raises:
            AttributeError: a name is unknown.
            ValueError: a value is not allowed.
        """
        trial = Settings(**self.as_dict())
        for name, value in changes.items():
            setattr(trial, name, value)
        for name in changes:
            setattr(self, name, getattr(trial, name))

    def shape(self) -> Shape:
        """The form in which rows are written."""
        return shape_of(self.timestamps, self.naive_timezone, self.extra_fields, self.messages_mode)

    def as_dict(self) -> dict[str, Any]:
        """Name to value."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Settings)


def _conform(hint: Any, value: Any) -> Any:
    """`value` as the type of `hint`, JSON lists as sets and text keys as numbers."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if value is None else _conform(arguments[0], value)
    if origin is Literal:
        if isinstance(value, bool) or value not in arguments:
            raise ValueError(f"allowed are {', '.join(map(repr, arguments))}")
        return value
    if origin is set:
        if not isinstance(value, (set, frozenset, list, tuple)):
            raise ValueError("it must be a set or list")
        return {_conform(arguments[0], each) for each in value}
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError("it must be an object")
        key_type, value_type = arguments
        return {_key(key_type, k): _conform(value_type, v) for k, v in value.items()}
    return _plain(hint, value)


def _plain(hint: type, value: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise ValueError(f"it must be {hint.__name__}")
    return value


def _key(key_type: type, key: Any) -> Any:
    if key_type is int and isinstance(key, str) and re.fullmatch(r"\d+", key):
        return int(key)
    return _plain(key_type, key)


def _check(name: str, value: Any) -> None:
    if name in ("faults", "churn"):
        _check_probabilities(value, FAULT_KINDS if name == "faults" else MUTATION_KINDS)
    elif name == "naive_timezone":
        _check_zone(value)
    elif name.endswith("_status"):
        statuses = value.values() if isinstance(value, dict) else [value]
        if not all(100 <= status <= 599 for status in statuses):
            raise ValueError("a status is from 100 to 599")
    elif isinstance(value, (int, float)) and name != "clock_offset_seconds" and value < 0:
        raise ValueError("it must not be negative")


def _check_probabilities(probabilities: dict[str, float], kinds: tuple[str, ...]) -> None:
    for kind, probability in probabilities.items():
        if kind not in kinds:
            raise ValueError(f"no kind is named {kind!r}; there are: {', '.join(kinds)}")
        if not 0 <= probability <= 1:
            raise ValueError("a probability is from 0 to 1")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("it is not an IANA time zone") from None
