"""Retry rules: the action for an HTTP status, when to try again, and Retry-After."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from math import isfinite

from tenacity import RetryCallState, wait_random_exponential

UNIX_TIME = 1e9  # seconds; a larger X-RateLimit-Reset is a time and not a duration


class Action(Enum):
    """The action for a response."""

    PARSE = "the request succeeded"
    RETRY = "try again; a smaller page may help"
    THROTTLE = "try again, and report it to the rate limiter"
    CHANGE_KEY = "the API key is refused"
    REJECT = "the same request would be rejected again"


ACTION_BY_STATUS = {
    401: Action.CHANGE_KEY,
    403: Action.CHANGE_KEY,
    408: Action.RETRY,  # Request Timeout
    425: Action.RETRY,  # Too Early
    429: Action.THROTTLE,  # Too Many Requests
    503: Action.THROTTLE,  # Service Unavailable
}


def action_for(status: int) -> Action:
    """The action for a response with this HTTP status."""
    if status in ACTION_BY_STATUS:
        return ACTION_BY_STATUS[status]
    if 200 <= status < 300:
        return Action.PARSE
    return Action.RETRY if status >= 500 else Action.REJECT


TRIES_IF_SLOW = 2  # of a request whose time was up; each takes a minute or more


class RetriableError(Exception):
    """A try failed with a temporary error.

    `size_may_be_why`: a smaller page may help. `is_slow`: the time was up. `advice`: what the user
    can do, may be empty.
    """

    def __init__(
        self, reason: str, size_may_be_why: bool, is_slow: bool = False, advice: str = ""
    ) -> None:
        self.reason = reason
        self.size_may_be_why = size_may_be_why
        self.is_slow = is_slow
        self.advice = advice
        super().__init__(reason)


class KeyRefusedError(Exception):
    """Every key was refused; `wait` is in seconds until the next try, None if it is believed."""

    def __init__(self, status: int, wait: float | None) -> None:
        self.status = status
        self.wait = wait
        super().__init__(f"HTTP {status}")


def stop_after(tries: int, tries_if_large: int) -> Callable[[RetryCallState], bool]:
    """A stop condition for tenacity; `tries_if_large` applies if a smaller page may help."""

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, KeyRefusedError):
            return tries == 1 or error.wait is None
        most = tries
        if isinstance(error, RetriableError) and error.size_may_be_why:
            most = min(most, tries_if_large)
        if isinstance(error, RetriableError) and error.is_slow:
            most = min(most, TRIES_IF_SLOW)
        return state.attempt_number >= most

    return stop


def wait_before_retry(first: float, longest: float) -> Callable[[RetryCallState], float]:
    """Seconds before the next try, for tenacity: exponential with full jitter.

    `first` is the maximum before the second try, doubled before each later one up to `longest`.
    After a refused key it is the `wait` of the error.
    """
    exponential = wait_random_exponential(multiplier=first, max=longest)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, KeyRefusedError):
            return error.wait or 0.0
        return exponential(state)

    return wait


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by Retry-After (seconds or a date); None if it is missing or invalid.

    A date is compared with the response's Date header, if there is one, else with `now`. Without
    Retry-After, the headers of a used up quota count: `RateLimit-Remaining: 0` with
    `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers-07), or the same with `X-` before it.
    """
    if "retry-after" not in headers:
        return _quota_reset(headers, now)
    text = headers["retry-after"].strip()
    try:
        seconds = float(text)
    except ValueError:
        until = _http_date(text)
        if until is None:
            return None
        seconds = (until - (_http_date(headers.get("date", "")) or now)).total_seconds()
    return max(0.0, seconds) if isfinite(seconds) else None


def _quota_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until a used up quota is renewed; None if the headers do not say it."""
    for prefix in ("ratelimit", "x-ratelimit"):
        try:
            remaining = float(headers.get(f"{prefix}-remaining", ""))
            reset = float(headers.get(f"{prefix}-reset", ""))
        except ValueError:
            continue
        if remaining <= 0 and isfinite(reset):
            # many APIs send the time of the reset in Unix seconds, as GitHub does
            return max(0.0, reset - now.timestamp() if reset > UNIX_TIME else reset)
    return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
