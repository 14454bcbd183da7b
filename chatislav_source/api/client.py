"""The client of the API: sends requests with the key, retries them and keeps to the rate."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from chatislav_source.api.rate_limiter import Cancelled, RateLimiter, RetryAfterTooLong
from chatislav_source.api.retry import (
    Action,
    RetriableError,
    action_for,
    retry_after,
    stop_after,
)
from chatislav_source.api.transport import Transport
from chatislav_source.errors import (
    AuthenticationError,
    ConfigurationError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
    WrongShapeError,
)

CONVERSATIONS_PATH = "/conversations"
ANALYTICS_PATH = "/analytics"
TRIES = 8  # of one request; with the waits below about a minute
FIRST_WAIT_SECONDS = 0.5  # before the second try at most; doubled before each later one
LONGEST_WAIT_SECONDS = 20.0
EXCERPT_CHARACTERS = 200  # of an error's text
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/json",
}

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """A good response: what `parse` made of the body, and what the request cost.

    `size` is the length of the uncompressed body in bytes, `tries` counts requests from 1, and
    `read_at` is the time in UTC at which the body was complete.
    """

    value: T = field(repr=False)  # holds personal data
    size: int
    tries: int
    read_at: datetime


class ChatislavClient:
    """Posts to the API; safe to use from many threads, and closed with `with` or `close`.

    All requests only read, so each may be repeated.

    Raises:
        ConfigurationError: `base_url` is not a URL, or its proxy cannot be used.
    """

    def __init__(
        self, base_url: str, keys: Sequence[str], rate_limiter: RateLimiter, stop: threading.Event
    ) -> None:
        self._keys = tuple(keys)
        self._rate_limiter = rate_limiter
        self._stop = stop
        try:
            # parsed once, as httpx would parse a text anew for each request
            paths = (CONVERSATIONS_PATH, ANALYTICS_PATH)
            self._urls = {path: httpx.URL(base_url.rstrip("/") + path) for path in paths}
            self._transport = Transport(httpx.URL(base_url))
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url {base_url!r} is not a URL: {error}.") from error

    def __enter__(self) -> ChatislavClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """Cancel the run: threads that wait for a turn, a retry or a response get `Cancelled`."""
        self._stop.set()
        self._rate_limiter.wake()
        self._transport.abort()

    def close(self) -> None:
        """Close the connections; later requests fail."""
        self._transport.close()

    def post(
        self,
        path: str,
        query: Mapping[str, Any],
        label: str,
        parse: Callable[[bytes], T],
        *,
        tries: int = TRIES,
        tries_if_large: int = TRIES,
    ) -> ApiResponse[T]:
        """The response to `query`; `label` names the request in errors and logs.

        `parse` makes a value of the body of a 2xx response. It raises `ValueError` where the body
        is no JSON, and `WrongShapeError` where the JSON is not as documented; both are retried.
        After `tries_if_large` the request fails where the size of the response may be the cause.

        Raises:
            AuthenticationError: 401 or 403 for every key.
            RequestRejectedError: any other status that a retry does not change.
            RetriesExhaustedError: no good response within `tries`, or a too long Retry-After.
            UnexpectedResponseError: the last of `tries` was 2xx, but in a wrong shape.
            Cancelled: the run was cancelled.
        """
        retrying = Retrying(
            stop=stop_after(tries, tries_if_large),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            retry=retry_if_exception_type((RetriableError, UnexpectedResponseError)),
            sleep=self._sleep,
            before_sleep=_log_retry(path, label),
            reraise=True,
        )
        number = 0
        try:
            for attempt in retrying:
                with attempt:
                    number = attempt.retry_state.attempt_number
                    return self._try(path, query, label, parse, number)
        except RetriableError as error:
            raise RetriesExhaustedError(
                path, label, number, error.reason, error.size_may_be_why
            ) from error
        except RetryAfterTooLong as too_long:
            sent = max(1, number - 1)  # the last try was not sent
            raise RetriesExhaustedError(path, label, sent, str(too_long)) from None
        raise AssertionError("tenacity returns or raises")

    def _try(
        self,
        path: str,
        query: Mapping[str, Any],
        label: str,
        parse: Callable[[bytes], T],
        tries: int,
    ) -> ApiResponse[T]:
        response, key = self._send(path, query)
        if action_for(response.status_code) is Action.CHANGE_KEY:
            response = self._send_with_other_key(path, query, key, response.status_code)
        read_at = datetime.now(UTC)
        match action_for(response.status_code):
            case Action.PARSE:
                value = self._parsed(response, path, label, parse)
                return ApiResponse(value, len(response.content), tries, read_at)
            case Action.RETRY | Action.THROTTLE as action:
                reason = f"HTTP {response.status_code}"
                raise RetriableError(reason, size_may_be_why=action is Action.RETRY)
        text = self._redirect(response) if response.has_redirect_location else ""
        excerpt = text or self._excerpt(response.content.decode("utf-8", "replace"))
        raise RequestRejectedError(path, label, response.status_code, excerpt)

    def _send(
        self, path: str, query: Mapping[str, Any], key: str | None = None
    ) -> tuple[httpx.Response, str]:
        """The response, and the key that was sent: `key`, or the first."""
        with self._rate_limiter.acquire() as started_at:
            key = key or self._keys[0]
            request = httpx.Request(
                "POST",
                self._urls[path],
                content=orjson.dumps(query),
                headers={**HEADERS, "X-API-Key": key},
            )
            try:
                response = self._transport.handle_request(request)
            except httpx.RequestError as error:
                if self._stop.is_set():
                    raise Cancelled from None
                # the message of such an error may quote what was sent; its name does not
                reason = f"no answer ({type(error).__name__})"
                raise RetriableError(reason, size_may_be_why=True) from None
            self._learn(response, started_at)
            return response, key

    def _learn(self, response: httpx.Response, started_at: float) -> None:
        action = action_for(response.status_code)
        if action is Action.THROTTLE:
            seconds = retry_after(response.headers, datetime.now(UTC))
            self._rate_limiter.on_throttle(started_at, seconds)
        elif action is Action.PARSE:
            self._rate_limiter.on_success(started_at)

    def _send_with_other_key(
        self, path: str, query: Mapping[str, Any], refused_key: str, status: int
    ) -> httpx.Response:
        """The response with the first other key that is accepted; it is used from then on.

        Raises:
            AuthenticationError: there is none.
        """
        for key in [key for key in self._keys if key != refused_key]:
            response, _ = self._send(path, query, key)
            if action_for(response.status_code) is not Action.CHANGE_KEY:
                # a new tuple in one step, as other threads are reading it
                self._keys = (key, *(other for other in self._keys if other != key))
                logger.warning("A key was refused (HTTP %s); another one is used", status)
                return response
        raise AuthenticationError(status)

    def _parsed(
        self, response: httpx.Response, path: str, label: str, parse: Callable[[bytes], T]
    ) -> T:
        try:
            return parse(response.content)
        except WrongShapeError as error:
            raise UnexpectedResponseError(path, label, error.problem) from None
        except ValueError:
            kind = self._excerpt(response.headers.get("content-type", "no content type"))
            raise RetriableError(f"the body is not JSON ({kind})", size_may_be_why=True) from None

    def _redirect(self, response: httpx.Response) -> str:
        try:
            to = urlsplit(self._without_keys(response.headers["location"]))
            host = to.hostname or "(the same host)"
        except ValueError:
            return "it redirects to an address that is not valid"
        return (
            f"it redirects to {to.scheme or 'http'}://{host}, which is not followed, so that the "
            "key is not sent elsewhere; base_url is probably wrong"
        )

    def _excerpt(self, text: str) -> str:
        """The start of a text of the API, on one line and without a key that it may repeat."""
        return " ".join(self._without_keys(text).split())[:EXCERPT_CHARACTERS]

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            text = text.replace(key, "***")
        return text

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Cancelled


def _log_retry(path: str, label: str) -> Callable[[RetryCallState], None]:
    def log(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reason = error.problem if isinstance(error, UnexpectedResponseError) else error
        logger.info("POST %s for %s: %s; try %s failed", path, label, reason, state.attempt_number)

    return log
