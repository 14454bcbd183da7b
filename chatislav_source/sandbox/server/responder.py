"""Responds to each request with data, an error, a scripted response or a fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import orjson

from chatislav_source.sandbox.api.requests import DEFAULT_LIMIT, RequestError
from chatislav_source.sandbox.server.answer import JSON, Answer, error
from chatislav_source.sandbox.server.control import CONTROL_PATH, Control
from chatislav_source.sandbox.server.endpoints import PATHS, Endpoints
from chatislav_source.sandbox.server.faults import Faults
from chatislav_source.sandbox.server.http_server import Connection, Incoming
from chatislav_source.sandbox.server.rate_limit import RateLimit
from chatislav_source.sandbox.server.request_log import RequestLog, RequestRecord
from chatislav_source.sandbox.server.scripted_answers import ScriptedAnswers
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.records import Row

API_PATH = "/api/v1"
KEY_HEADER = "X-API-Key"


class Responder:
    """Responds to requests; thread-safe; `api_keys` may be changed at any time."""

    def __init__(
        self,
        settings: Settings,
        api_keys: set[str],
        endpoints: Endpoints,
        control: Control,
        log: RequestLog,
        scripted: ScriptedAnswers,
    ) -> None:
        self._settings = settings
        self._api_keys = api_keys
        self._endpoints = endpoints
        self._control = control
        self._log = log
        self._scripted = scripted
        self._faults = Faults(settings)
        self._rate_limit = RateLimit(settings)

    def respond(self, incoming: Incoming) -> None:
        """Send the response to a request, or close its connection."""
        path = incoming.path.partition("?")[0]
        if path.startswith(CONTROL_PATH):
            incoming.connection.send(self._control.answer(incoming.method, path, incoming.body))
            return
        body = _json_object(incoming.body)
        key = incoming.headers.get(KEY_HEADER)
        api_path = path.removeprefix(API_PATH)
        record = self._log.start(api_path, body, key, self._settings.max_request_log)
        try:
            deliver = self._limited_delivery(incoming, path, body, record)
        finally:
            # Before the response is sent, else the next request would be counted as overlapping.
            self._log.end(record)
        deliver()

    def _limited_delivery(
        self, incoming: Incoming, path: str, body: Row | None, record: RequestRecord
    ) -> Callable[[], None]:
        """The same as `_delivery`, if the rate limit accepts the request."""
        key = incoming.headers.get(KEY_HEADER)
        if incoming.method != "POST" or not _is_endpoint(path, record):
            return self._delivery(incoming, path, body, record)
        # A refusal comes at once, and only what the limit accepts can have a fault: limits are
        # applied by a gateway in front of the API.
        with self._rate_limit.admission(key) as refusal:
            if refusal is None:
                return self._delivery(incoming, path, body, record)
            record.fault = "rate_limit"
            answer = self._rate_limit.with_headers(refusal, key)
            return _sending(incoming.connection, answer, record)

    def _delivery(
        self, incoming: Incoming, path: str, body: Row | None, record: RequestRecord
    ) -> Callable[[], None]:
        """Wait for the configured time; return the function that completes the request."""
        connection, settings = incoming.connection, self._settings
        if settings.latency_seconds and not connection.stays_for(settings.latency_seconds):
            return connection.close
        scripted = self._scripted.take(record.path)
        if scripted is not None:
            record.fault = "scripted"
            return _sending(connection, scripted, record)
        record.fault = self._fault(body, record)
        if record.fault == "reset":
            return connection.reset
        if record.fault == "hang":
            connection.stays_for(settings.hang_seconds)
            return connection.close
        if record.fault == "slow" and not connection.stays_for(settings.slow_seconds):
            return connection.close
        answer = self._faults.answer(record.fault) if record.fault else None
        if answer is None:
            answer = self._checked_answer(incoming, path, body, record)
        if record.fault == "truncated":
            return partial(connection.send_truncated, answer)
        return _sending(connection, answer, record)

    def _fault(self, body: Row | None, record: RequestRecord) -> str | None:
        limit = (body or {}).get("limit", DEFAULT_LIMIT)
        return self._faults.draw(record.path, record.bot_id) or self._faults.of_limit(limit)

    def _checked_answer(
        self, incoming: Incoming, path: str, body: Row | None, record: RequestRecord
    ) -> Answer:
        try:
            self._check(incoming, path, record)
            if body is None:
                raise RequestError(400, "the body must be a JSON object")
            answer = Answer(body=self._endpoints.answer(record.path, body, record.number))
            return self._rate_limit.with_headers(answer, incoming.headers.get(KEY_HEADER))
        except RequestError as refusal:
            return error(refusal.status, str(refusal))

    def _check(self, incoming: Incoming, path: str, record: RequestRecord) -> None:
        """Check everything but the body of the request."""
        if not _is_endpoint(path, record):
            raise RequestError(404, "no such endpoint")
        if incoming.method != "POST":
            raise RequestError(405, "the method must be POST")
        if not self._accepts(incoming.headers.get(KEY_HEADER), record.number):
            raise RequestError(self._settings.auth_failure_status, "the API key is not accepted")
        if incoming.headers.get_content_type() != JSON:
            raise RequestError(415, f"Content-Type must be {JSON}")

    def _accepts(self, key: str | None, number: int) -> bool:
        settings = self._settings
        if not settings.api_access_enabled or key not in self._api_keys - settings.revoked_keys:
            return False
        revoked_from = settings.revoke_all_after_requests
        return revoked_from is None or number < revoked_from or key in settings.still_valid_keys


def _is_endpoint(path: str, record: RequestRecord) -> bool:
    return path.startswith(API_PATH) and record.path in PATHS


def _sending(connection: Connection, answer: Answer, record: RequestRecord) -> Callable[[], None]:
    if answer.cut:
        return connection.reset
    record.status = answer.status
    return partial(connection.send, answer)


def _json_object(content: bytes) -> Row | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(content)  # supports lone surrogates and huge numbers
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
