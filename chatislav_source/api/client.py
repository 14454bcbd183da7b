"""The client of the API: adds the key, retries requests and respects the rate limiter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from chatislav_source.api.api_keys import ApiKeys
from chatislav_source.api.call import ApiResponse, Call
from chatislav_source.api.first_contact import FirstContact
from chatislav_source.api.no_response import explained
from chatislav_source.api.pace import Start
from chatislav_source.api.rate_limiter import Cancelled, RateLimiter, RetryAfterTooLong
from chatislav_source.api.retry import (
    Action,
    KeyRefusedError,
    RetriableError,
    action_for,
    retry_after,
    stop_after,
    wait_before_retry,
)
from chatislav_source.api.transport import ACCEPT_ENCODING, Transport
from chatislav_source.errors import (
    ApiUnreachableError,
    AuthenticationError,
    ChatislavError,
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
    "Accept-Encoding": ACCEPT_ENCODING,
    "Content-Type": "application/json",
}

logger = logging.getLogger(__name__)

T = TypeVar("T")


class ChatislavClient:
    """Sends requests to the API; thread-safe; closed by `with` or `close`.

    Requests only read, so each may be repeated.

    Raises:
        ConfigurationError: `base_url` is not a URL, or its proxy cannot be used.
    """

    def __init__(self, base_url: str, keys: Sequence[str], rate_limiter: RateLimiter) -> None:
        self._keys = ApiKeys(keys)
        self._rate_limiter = rate_limiter
        self.contact = FirstContact()
        try:
            # parsed once, as httpx would parse a string for each request
            paths = (CONVERSATIONS_PATH, ANALYTICS_PATH)
            self._urls = {path: httpx.URL(base_url.rstrip("/") + path) for path in paths}
            self._base_url = httpx.URL(base_url)
            self._transport = Transport(self._base_url)
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
            AuthenticationError: 401 or 403 for every key; if a key has worked before, for a minute.
            RequestRejectedError: any other status that a retry does not change.
            RetriesExhaustedError: every try failed, or Retry-After is too long.
            ApiUnreachableError: the API has not responded to any request.
            UnexpectedResponseError: the last response was 2xx, but not in the documented shape.
            Cancelled: the run was cancelled.
        """
        call = Call(path, query, label, parse)
        try:
            return self._answered(call, tries, tries_if_large)
        except ChatislavError as error:
            error.requests = call.requests
            raise

    def _answered(self, call: Call[T], tries: int, tries_if_large: int) -> ApiResponse[T]:
        enough = stop_after(tries, tries_if_large)
        retrying = Retrying(
            stop=lambda state: enough(state) or self.contact.stop(state),
            wait=wait_before_retry(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            retry=retry_if_exception_type(
                (RetriableError, UnexpectedResponseError, KeyRefusedError)
            ),
            sleep=self._rate_limiter.sleep,
            before_sleep=self._log_retry(call),
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    call.tries = attempt.retry_state.attempt_number
                    return self._try(call)
        except RetriableError as error:
            kind = ApiUnreachableError if self.contact.given_up else RetriesExhaustedError
            raise kind(
                call.path, call.label, call.tries, error.reason, error.size_may_be_why, error.advice
            ) from error
        except KeyRefusedError as error:
            raise AuthenticationError(error.status) from None
        except RetryAfterTooLong as too_long:
            sent = max(1, call.requests)  # none, if an earlier response had the Retry-After
            raise RetriesExhaustedError(call.path, call.label, sent, str(too_long)) from None
        raise AssertionError("unreachable: tenacity returns or raises")

    def _try(self, call: Call[T]) -> ApiResponse[T]:
        if not call.refusals:
            return self._response(call)
        with self._keys.asking:
            if self._keys.doubt > call.doubt:
                raise self._refused(call, call.refused_status)
            return self._response(call)

    def _response(self, call: Call[T]) -> ApiResponse[T]:
        key = self._keys.current
        response = self._send(call, key)
        if action_for(response.status_code) is Action.CHANGE_KEY:
            response = self._send_with_other_key(call, key, response.status_code)
        read_at = datetime.now(UTC)
        match action_for(response.status_code):
            case Action.PARSE:
                self._keys.note_access(call.target)
                value = self._parsed(response, call)
                return ApiResponse(value, len(response.content), call.tries, read_at)
            case Action.RETRY | Action.THROTTLE as action:
                reason = f"HTTP {response.status_code}"
                raise RetriableError(reason, size_may_be_why=action is Action.RETRY)
        text = self._redirect(response) if response.has_redirect_location else ""
        excerpt = text or self._excerpt(response.content.decode("utf-8", "replace"))
        raise RequestRejectedError(call.path, call.label, response.status_code, excerpt)

    def _send(self, call: Call[T], key: str) -> httpx.Response:
        with self._rate_limiter.acquire() as start:
            if self.contact.given_up:
                raise self.contact.given_up
            call.requests += 1
            request = httpx.Request(
                "POST",
                self._urls[call.path],
                content=orjson.dumps(call.query),
                headers={**HEADERS, "X-API-Key": key},
                extensions=self.contact.extensions(),
            )
            try:
                response = self._transport.handle_request(request)
            except httpx.RequestError as error:
                if isinstance(error, httpx.ReadTimeout):
                    self._probe()
                raise self._failure(error) from None
            self.contact.has_responded = True
            self._record_result(response, start)
            return response

    def _probe(self) -> None:
        """Find out whether a host that has been silent so far responds to anything at all.

        If it does, the page was slow; the next try may take longer.
        """
        if self.contact.has_responded:
            return
        with suppress(httpx.RequestError):
            timeout = {"connect": self.contact.seconds_left, "read": self.contact.seconds_left}
            # without the key
            request = httpx.Request("GET", self._base_url, extensions={"timeout": timeout})
            self._transport.handle_request(request)
            self.contact.has_responded = True

    def _failure(self, error: httpx.RequestError) -> Exception:
        """The error to raise instead of `error`, whose text may contain the request."""
        if self._rate_limiter.is_cancelled:
            return Cancelled()
        host = self._base_url.netloc.decode("ascii")
        why = explained(error, host, self._transport.proxy)
        return RetriableError(
            why.reason,
            size_may_be_why=not why.is_connection,
            is_slow=why.is_slow and not why.is_connection,
            advice=why.advice,
        )

    def _record_result(self, response: httpx.Response, start: Start) -> None:
        action = action_for(response.status_code)
        if action is Action.PARSE:
            self._rate_limiter.on_success(start)
            return
        seconds = retry_after(response.headers, datetime.now(UTC))
        must_wait = seconds is not None and action in (Action.RETRY, Action.CHANGE_KEY)
        if action is Action.THROTTLE or must_wait:
            is_limit = response.status_code == 429
            self._rate_limiter.on_throttle(start, seconds, is_limit=is_limit)

    def _send_with_other_key(self, call: Call[T], refused: str, status: int) -> httpx.Response:
        """The response for the first other key that is accepted; later requests use this key.

        Raises:
            KeyRefusedError: no other key is accepted.
        """
        for other in self._keys.others(refused):
            response = self._send(call, other)
            if action_for(response.status_code) is not Action.CHANGE_KEY:
                self._keys.use(other)
                logger.warning("An API key was refused (HTTP %s); the other key is used", status)
                return response
        if call.refusals:
            self._keys.doubt += 1
        raise self._refused(call, status)

    def _refused(self, call: Call[T], status: int) -> KeyRefusedError:
        call.refusals += 1
        call.refused_status = status
        call.doubt = self._keys.doubt
        return KeyRefusedError(status, self._keys.wait(call.target, status, call.refusals))

    def _parsed(self, response: httpx.Response, call: Call[T]) -> T:
        try:
            return call.parse(response.content)
        except WrongShapeError as error:
            raise UnexpectedResponseError(call.path, call.label, error.problem) from None
        except ValueError:
            kind = self._excerpt(response.headers.get("content-type", "no content type"))
            raise RetriableError(f"the body is not JSON ({kind})", size_may_be_why=True) from None

    def _redirect(self, response: httpx.Response) -> str:
        try:
            to = urlsplit(self._keys.removed_from(response.headers["location"]))
            host = to.hostname or "(the same host)"
        except ValueError:
            return "it redirects to an invalid address"
        return (
            f"it redirects to {to.scheme or 'http'}://{host}, which is not followed, so that the "
            "key is not sent elsewhere; base_url is probably wrong"
        )

    def _excerpt(self, text: str) -> str:
        """The start of a text from the API, on one line and without API keys."""
        return " ".join(self._keys.removed_from(text).split())[:EXCERPT_CHARACTERS]

    def _log_retry(self, call: Call[T]) -> Callable[[RetryCallState], None]:
        def log(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            reason = error.problem if isinstance(error, UnexpectedResponseError) else error
            level = self.contact.level_of(str(reason))
            text = "POST %s for %s: %s; try %s failed"
            logger.log(level, text, call.path, call.label, reason, state.attempt_number)

        return log
