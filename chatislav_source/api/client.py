"""How: POST to the API with the key, retries and the throttle; the only file that speaks HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_random_exponential,
)

from chatislav_source.api.rate_limiter import Cancelled, RateLimiter, RetryAfterTooLong
from chatislav_source.api.retry import retry_after
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
PATHS = (CONVERSATIONS_PATH, ANALYTICS_PATH)
TRIES = 8  # of one request; with the waits below about a minute
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0

logger = logging.getLogger(__name__)

Row = dict[str, Any]
T = TypeVar("T")
EXCERPT_CHARACTERS = 200
PASSING_STATUSES = frozenset({408, 425, 429, 500, 501, 502, 503, 504, 507, 508, 509, 520, 521, 522})
RATE_STATUSES = frozenset({429, 503})
KEY_STATUSES = frozenset({401, 403})
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/json",
}


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


class RetriableError(Exception):
    """A try failed in a way that the next try may not."""

    def __init__(self, reason: str, size_may_be_why: bool) -> None:
        self.reason = reason
        self.size_may_be_why = size_may_be_why
        super().__init__(reason)


class ChatislavClient:
    """Posts to the API; safe to use from many threads, and closed with `with` or `close`.

    Every call only reads, so every call may be repeated.
    """

    def __init__(
        self, base_url: str, keys: Sequence[str], rate_limiter: RateLimiter, stop: threading.Event
    ) -> None:
        self._keys = tuple(keys)
        self._rate_limiter = rate_limiter
        self._stop = stop
        try:
            # httpx would put them together anew for each request
            self._urls = {path: httpx.URL(base_url.rstrip("/") + path) for path in PATHS}
            self._transport = Transport(httpx.URL(base_url))
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url {base_url!r} is not a URL: {error}.") from error

    def __enter__(self) -> ChatislavClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """End the run: threads that wait for a turn, between tries or for an answer are let go."""
        self._stop.set()
        self._rate_limiter.wake()
        self._transport.abort()

    def close(self) -> None:
        """Close the connections; nothing may be requested any more."""
        self._transport.close()

    def post(
        self,
        path: str,
        query: Row,
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
            RequestRejectedError: any other 4xx that will not pass.
            RetriesExhaustedError: no good answer within `tries`, or the API asks to wait too long.
            UnexpectedResponseError: the last of `tries` was 2xx, but in a wrong shape.
            Cancelled: the run ended.
        """
        retrying = Retrying(
            stop=_out_of_tries(tries, min(tries, tries_if_large)),
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
                    return self._once(path, query, label, parse, number)
        except RetriableError as error:
            raise RetriesExhaustedError(
                path, label, number, error.reason, error.size_may_be_why
            ) from error
        except RetryAfterTooLong as held:
            sent = max(1, number - 1)  # the last was not: the next one would not be either
            raise RetriesExhaustedError(path, label, sent, str(held)) from None
        raise AssertionError("tenacity returns or raises")

    def _once(
        self, path: str, query: Row, label: str, parse: Callable[[bytes], T], tries: int
    ) -> ApiResponse[T]:
        response, key = self._send(path, query)
        if response.status_code in KEY_STATUSES:
            response = self._with_other_key(path, query, key, response)
        if not response.is_success:
            raise self._refusal(response, path, label)
        body = response.content
        read_at = datetime.now(UTC)
        try:
            return ApiResponse(parse(body), len(body), tries, read_at)
        except WrongShapeError as error:
            raise UnexpectedResponseError(path, label, error.problem) from None
        except ValueError:
            kind = self._without_keys(response.headers.get("content-type", "no content type"))
            reason = f"the body is not JSON ({kind[:EXCERPT_CHARACTERS]})"
            raise RetriableError(reason, size_may_be_why=True) from None

    def _send(self, path: str, query: Row, key: str | None = None) -> tuple[httpx.Response, str]:
        with self._rate_limiter.slot() as began:
            key = key or self._keys[0]
            try:
                response = self._transport.handle_request(
                    httpx.Request(
                        "POST",
                        self._urls[path],
                        content=orjson.dumps(query),
                        headers={**HEADERS, "X-API-Key": key},
                    )
                )
            except httpx.RequestError as error:
                if self._stop.is_set():
                    raise Cancelled from None
                # the message of such an error may quote what was sent; its name does not
                reason = f"no answer ({type(error).__name__})"
                raise RetriableError(reason, size_may_be_why=True) from None
            self._learn(response, began)
            return response, key

    def _learn(self, response: httpx.Response, began: float) -> None:
        if response.status_code in RATE_STATUSES:
            self._rate_limiter.refused(began, retry_after(response.headers, datetime.now(UTC)))
        elif response.is_success:
            self._rate_limiter.answered(began)

    def _with_other_key(
        self, path: str, query: Row, refused_key: str, refusal: httpx.Response
    ) -> httpx.Response:
        """The answer with the first other key that is taken, which is used from then on.

        Raises:
            AuthenticationError: there is none.
        """
        for key in [key for key in self._keys if key != refused_key]:
            response, _ = self._send(path, query, key)
            if response.status_code not in KEY_STATUSES:
                # a new tuple in one step, as other threads are reading it
                self._keys = (key, *(other for other in self._keys if other != key))
                logger.warning("A key was refused (HTTP %s); another is used", refusal.status_code)
                return response
        raise AuthenticationError(refusal.status_code)

    def _refusal(self, response: httpx.Response, path: str, label: str) -> Exception:
        status = response.status_code
        if status in PASSING_STATUSES or status >= 500:
            return RetriableError(f"HTTP {status}", size_may_be_why=status not in RATE_STATUSES)
        text = self._redirect(response) if response.has_redirect_location else ""
        return RequestRejectedError(path, label, status, text or self._excerpt(response))

    def _redirect(self, response: httpx.Response) -> str:
        to = urlsplit(self._without_keys(response.headers["location"]))
        return (
            f"it redirects to {to.scheme or 'http'}://{to.hostname or '(the same host)'}, which is "
            "not followed, so that the key goes nowhere else; base_url is probably not right"
        )

    def _excerpt(self, response: httpx.Response) -> str:
        """The start of an error's text, on one line and without a key that it may repeat."""
        text = self._without_keys(response.content.decode("utf-8", "replace"))
        return " ".join(text.split())[:EXCERPT_CHARACTERS]

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            text = text.replace(key, "***")
        return text

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Cancelled


def _out_of_tries(tries: int, tries_if_large: int) -> Callable[[RetryCallState], bool]:
    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        may_be_size = isinstance(error, RetriableError) and error.size_may_be_why
        return state.attempt_number >= (tries_if_large if may_be_size else tries)

    return stop


def _log_retry(path: str, label: str) -> Callable[[RetryCallState], None]:
    def log(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reason = error.problem if isinstance(error, UnexpectedResponseError) else error
        logger.info("POST %s for %s: %s; try %s failed", path, label, reason, state.attempt_number)

    return log
