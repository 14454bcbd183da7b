"""The settings of the sandbox: behaviours that are not documented, and faults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import available_timezones

from chatislav_source.sandbox.rendering.bad_records import BAD_RECORDS
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
    "reset",  # the connection is reset without a response
    "truncated",  # Content-Length is larger than the body, then the connection closes
    "invalid_json",
    "empty_body",
    "html_200",
    "wrong_shape",  # valid JSON of several other structures, in rotation
    "slow",  # a correct response after `slow_seconds`
    "hang",  # the connection closes without a response after `hang_seconds`
)


@dataclass
class Settings:
    """The behaviour of the sandbox; fields can be changed while it serves, except `prerender`.

    Times are seconds, probabilities 0 to 1, statuses HTTP statuses. Assigning an unknown name
    raises AttributeError, a value that is not allowed ValueError.
    """

    # Which date `from` and `to` filter on: lastActivity or createdAt.
    date_filter: Literal["activity", "created"] = "activity"
    # Whether a date-time `to` includes that instant; a date-only `to` includes its whole day.
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
    # Maximum number of uses of a page token; None: without limit.
    token_max_uses: int | None = None
    # Number of later requests of any kind after which a page token is refused; None: never.
    token_max_requests: int | None = None
    # Seconds after which a page token is refused; None: never, 0: always.
    token_max_age_seconds: float | None = None
    # Whether a page token is refused with other filters than those it was issued for.
    token_bound_to_filters: bool = True
    # Whether a page token is refused with another `limit` than the one it was issued for.
    token_bound_to_limit: bool = False
    # Status for a page token that is expired, used up or bound to another request.
    expired_token_status: int = 400

    # Pages after this one repeat the page token of their request, hasMore true; None: off.
    token_repeats: int | None = None
    # hasMore true, nextCursor null.
    token_missing: bool = False
    # hasMore true, without nextCursor.
    token_absent: bool = False
    # hasMore false, with nextCursor.
    token_when_done: bool = False
    # The last page with rows has hasMore true; an empty page with hasMore false follows.
    empty_last_page: bool = False
    # Every second page is empty, hasMore true, with a valid page token.
    empty_middle_pages: bool = False
    # Every page after the first is empty, hasMore true, with a new page token, endlessly.
    endless_empty_pages: bool = False
    # Pages have fewer than `limit` conversations although more pages follow.
    short_pages: bool = False
    # Pages begin with the last row of the previous page (not with `limit` 1, which would not end).
    overlapping_pages: bool = False

    # Form of timestamps: without zone, with Z, with an offset, with microseconds, or all mixed.
    timestamps: Literal["naive", "z", "offset", "microseconds", "mixed"] = "naive"
    # IANA zone of dates without offset, in rows and in the date filters.
    naive_timezone: str = "UTC"
    # Undocumented fields in the rows; see `extra_fields.py`.
    extra_fields: Literal["none", "new", "changing_types", "colliding"] = "none"
    # The value of `messages` in every conversation.
    messages_mode: Literal["full", "null", "absent", "empty"] = "full"
    # Session id -> kind of bad record that is served instead; see `bad_records.py`.
    bad_records: dict[str, str] = field(default_factory=dict)
    # Days as "2026-06-23" whose analytics are nested 1,100 levels deep.
    bad_analytics: set[str] = field(default_factory=set)

    # Which conversations the totals of a day count: those created or last active on it.
    analytics_date: Literal["created", "activity"] = "created"
    # IANA zone of the day that is counted, whatever a request asks for; None: that of the request.
    analytics_timezone: str | None = None
    # Which messages a day counts: all of its conversations, or those sent on it.
    analytics_messages: Literal["of_conversations", "sent"] = "of_conversations"
    # Where resolutions are counted from: the conversation's own status, or that in its summary.
    analytics_resolutions: Literal["own", "summary"] = "own"
    # Day as "2026-06-23" -> conversations that its total has more than are there; may be negative.
    analytics_restated: dict[str, int] = field(default_factory=dict)

    # Fault kind -> probability per request; drawn in random order, at most one per request.
    faults: dict[str, float] = field(default_factory=dict)
    # Seed of the faults.
    fault_seed: int = 1
    # Bots whose requests have faults; None: all.
    fault_bots: set[int] | None = None
    # Paths, as "/analytics", whose requests have faults; None: all.
    fault_paths: set[str] | None = None
    # Seconds in the Retry-After header.
    retry_after_seconds: float = 1.0
    # Delay of a "slow" response in seconds.
    slow_seconds: float = 0.5
    # Seconds after which a "hang" closes the connection; ends at once when the sandbox stops.
    hang_seconds: float = 60.0
    # Delay of every response in seconds.
    latency_seconds: float = 0.0

    # What limits requests: `rate_limit_per_second` on average with bursts of `rate_limit_burst`
    # (token_bucket), `rate_limit_requests` in each window of `rate_limit_window_seconds` that
    # starts with a multiple of it (fixed_window) or with any request (sliding_window), or
    # `rate_limit_requests` that run at once (concurrency).
    rate_limit: Literal["token_bucket", "fixed_window", "sliding_window", "concurrency"] = (
        "token_bucket"
    )
    # Average number of requests per second that a token bucket accepts; None: all.
    rate_limit_per_second: float | None = None
    # Number of requests that a token bucket accepts at once after a pause.
    rate_limit_burst: int = 1
    # Number of requests per window, or at once, for the other kinds; None: all.
    rate_limit_requests: int | None = None
    # Length of a window in seconds.
    rate_limit_window_seconds: float = 60.0
    # Whether each API key has a limit of its own; false: all keys share one.
    rate_limit_per_key: bool = False
    # Average requests per second that other clients send with the same key, at random times.
    rate_limit_others_per_second: float = 0.0
    # Whether the response to a request over the limit has Retry-After.
    rate_limit_retry_after: bool = False
    # Retry-After of such a response: `retry_after_seconds`, or the time until a request is accepted
    # in whole seconds, or that time as an HTTP date.
    rate_limit_retry_after_form: Literal["constant", "exact", "date"] = "constant"
    # Headers of every response: RateLimit-Limit, -Remaining and -Reset (seconds), or X-RateLimit-*
    # with the reset as a Unix time.
    rate_limit_headers: Literal["none", "ratelimit", "x_ratelimit"] = "none"
    # Status of a request over the limit.
    rate_limit_status: Literal[429, 503] = 429
    # Largest `limit` of /conversations without a fault; None: 100.
    largest_good_limit: int | None = None
    # The fault of a larger `limit`.
    largest_good_limit_fault: Literal["500", "hang", "slow"] = "500"

    # API keys that are refused.
    revoked_keys: set[str] = field(default_factory=set)
    # From the request with this number on every key is refused; None: never.
    revoke_all_after_requests: int | None = None
    # Keys that `revoke_all_after_requests` does not revoke.
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
    # The field that /analytics echoes incorrectly; None: none.
    analytics_echo_wrong: Literal["from", "to", "bot_id"] | None = None

    # Mutation kind -> probability of the change in the bot after each response of /conversations.
    churn: dict[str, float] = field(default_factory=dict)
    # Seed of the churn.
    churn_seed: int = 1
    # Maximum number of mutations in total; None: without limit.
    churn_limit: int | None = None
    # Offset of the sandbox's clock for new changes, in seconds; may be negative.
    clock_offset_seconds: float = 0.0
    # Whether all conversations are rendered before the start, about 2 kB each, for benchmarks.
    prerender: bool = False
    # Number of latest requests that are kept for `requests`; counters have no limit.
    max_request_log: int = 100_000

    def __setattr__(self, name: str, value: Any) -> None:
        """Check and assign; converts JSON lists to sets and text keys to numbers as declared."""
        hints = _hints()
        if name not in hints:
            raise AttributeError(f"no setting is named {name!r}; settings are: {', '.join(hints)}")
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
        """The configured form of the rows."""
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
    elif name == "bad_records":
        if not set(value.values()) <= set(BAD_RECORDS):
            raise ValueError(f"kinds are: {', '.join(BAD_RECORDS)}")
    elif name.endswith("timezone"):
        if value is not None and value not in available_timezones():
            raise ValueError("it is not an IANA time zone")
    elif name.endswith("_status"):
        statuses = value.values() if isinstance(value, dict) else [value]
        if not all(100 <= status <= 599 for status in statuses):
            raise ValueError("a status is from 100 to 599")
    elif isinstance(value, (int, float)) and name != "clock_offset_seconds" and value < 0:
        raise ValueError("it must not be negative")


def _check_probabilities(probabilities: dict[str, float], kinds: tuple[str, ...]) -> None:
    for kind, probability in probabilities.items():
        if kind not in kinds:
            raise ValueError(f"no kind is named {kind!r}; kinds are: {', '.join(kinds)}")
        if not 0 <= probability <= 1:
            raise ValueError("a probability is from 0 to 1")
