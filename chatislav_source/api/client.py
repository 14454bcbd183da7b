"""The client of the API: adds the key, retries requests and respects the rate limiter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from chatislav_source.api.pace import Start
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
TRIES = 8  # of one request; about a minute with the waits below
FIRST_WAIT_SECONDS = 0.5  # maximum before the second try; doubled before each later one
LONGEST_WAIT_SECONDS = 20.0
EXCERPT_CHARACTERS = 200  # of the API's error text
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/json",
}

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """A successful response: the parsed body, and the cost of the request.

    `size` is the length of the uncompressed body in bytes, `tries` counts requests from 1, and
    `read_at` is the time in UTC at which the body was complete.
    """

    value: T = field(repr=False)  # holds personal data
    size: int
    tries: int
    read_at: datetime


class ChatislavClient:
    """Sends requests to the API; thread-safe; closed by `with` or `close`.

    Requests only read, so each may be repeated.

    Raises:
        ConfigurationError: `base_url` is not a URL, or its proxy cannot be used.
    """

    def __init__(self, base_url: str, keys: Sequence[str], rate_limiter: RateLimiter) -> None:
        self._keys = tuple(keys)
        self._rate_limiter = rate_limiter
        try:
            # parsed once, as httpx would parse a string for each request
            paths = (CONVERSATIONS_PATH, ANALYTICS_PATH)
            self._urls = {path: httpx.URL(base_url.rstrip("/") + path) for path in paths}
            self._transport = Transport(httpx.URL(base_url))
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url {base_url!r} is not a URL: {error}.") from error

    def __enter__(self) -> ChatislavClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cancel(self) -> None:
        """Cancel the run: `Cancelled` is raised in threads that wait for a request or a retry."""
        self._rate_limiter.cancel()
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

        `parse` converts the body of a 2xx response. It raises `ValueError` if the body is not JSON,
        and `WrongShapeError` if the JSON is not as documented; both are retried. If the size of
        the response may be the cause of an error, there are at most `tries_if_large` tries.

        Raises:
            AuthenticationError: 401 or 403 for every key.
            RequestRejectedError: any other status that a retry does not change.
            RetriesExhaustedError: every try failed, or Retry-After is too long.
            UnexpectedResponseError: the last response was 2xx, but not in the documented shape.
            Cancelled: the run was cancelled.
        """
        retrying = Retrying(
            stop=stop_after(tries, tries_if_large),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            retry=retry_if_exception_type((RetriableError, UnexpectedResponseError)),
            sleep=self._rate_limiter.sleep,
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
        raise AssertionError("unreachable: tenacity returns or raises")

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
        """The response, and the key that was sent: `key`, or the first configured one."""
        with self._rate_limiter.acquire() as start:
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
                if self._rate_limiter.is_cancelled:
                    raise Cancelled from None
                # the message of such an error may contain the request; its type does not
                reason = f"no response ({type(error).__name__})"
                raise RetriableError(reason, size_may_be_why=True) from None
            self._record_result(response, start)
            return response, key

    def _record_result(self, response: httpx.Response, start: Start) -> None:
        action = action_for(response.status_code)
        if action is Action.THROTTLE:
            seconds = retry_after(response.headers, datetime.now(UTC))
            is_limit = response.status_code == 429
            self._rate_limiter.on_throttle(start, seconds, is_limit=is_limit)
        elif action is Action.PARSE:
            self._rate_limiter.on_success(start)

    def _send_with_other_key(
        self, path: str, query: Mapping[str, Any], refused_key: str, status: int
    ) -> httpx.Response:
        """The response for the first other key that is accepted; later requests use this key.

        Raises:
            AuthenticationError: no other key is accepted.
        """
        for key in [key for key in self._keys if key != refused_key]:
            response, _ = self._send(path, query, key)
            if action_for(response.status_code) is not Action.CHANGE_KEY:
                # assigned in one step, as other threads read it
                self._keys = (key, *(other for other in self._keys if other != key))
                logger.warning("An API key was refused (HTTP %s); the other key is used", status)
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
            return "it redirects to an invalid address"
        return (
            f"it redirects to {to.scheme or 'http'}://{host}, which is not followed, so that the "
            "key is not sent elsewhere; base_url is probably wrong"
        )

    def _excerpt(self, text: str) -> str:
        """The start of a text from the API, on one line and without API keys."""
        return " ".join(self._without_keys(text).split())[:EXCERPT_CHARACTERS]

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            text = text.replace(key, "***")
        return text


def _log_retry(path: str, label: str) -> Callable[[RetryCallState], None]:
    def log(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reason = error.problem if isinstance(error, UnexpectedResponseError) else error
        logger.info("POST %s for %s: %s; try %s failed", path, label, reason, state.attempt_number)

    return log
