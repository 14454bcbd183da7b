"""The sandbox API: a world, settings and a log behind an HTTP server on loopback."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from threading import Lock, Thread
from typing import Any

import orjson

from . import analytics, control
from .bots import Bot
from .churn import Churn
from .conversations import ConversationsEndpoint
from .faults import Answer, Faults, RateLimit, error
from .log import RequestLog, RequestRecord
from .records import Row
from .requests import RequestError, analytics_query, conversations_query
from .settings import Settings
from .sockets import Connection, Incoming, Server
from .world import World

SANDBOX_KEY = "chsk_live_sandbox"
API_PATH = "/api/v1"
PATHS = ("/conversations", "/analytics")
STOP_SECONDS = 5.0  # to wait for each open connection when stopping
POLL_SECONDS = 0.02  # between two looks of the listening thread at whether it should stop


class Sandbox:
    """Serves `world` as the Chatislav API at `base_url`, on 127.0.0.1 only.

    `port` 0 lets the system choose. `settings` may be changed while it serves. With `prerender`
    every conversation is made and written out before serving, which costs about 2 kB each.
    """

    def __init__(
        self,
        world: World,
        settings: Settings | None = None,
        api_keys: Iterable[str] = (SANDBOX_KEY,),
        port: int = 0,
        prerender: bool = False,
    ) -> None:
        self.world = world
        self.settings = settings or Settings()
        self.api_keys = set(api_keys)
        self.log = RequestLog()
        self._prerender = prerender
        self._port = port
        self._server: Server | None = None
        self._thread: Thread | None = None
        self._answers: deque[Answer] = deque()
        self._answers_lock = Lock()
        self._faults = Faults(self.settings)
        self._rate_limit = RateLimit(self.settings)
        self._conversations = ConversationsEndpoint(world, self.settings)
        self._churn = Churn(world, self.settings)
        world.clock_offset = lambda: self.settings.clock_offset_seconds

    @property
    def base_url(self) -> str:
        """Where the API is served; only once started."""
        if self._server is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://127.0.0.1:{self._server.server_port}{API_PATH}"

    def start(self) -> Sandbox:
        """Listen, and serve in background threads."""
        self._listen()
        self._thread = Thread(target=self._loop, name="chatislav-sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and close every connection, also those that hang."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        server.close_connections(STOP_SECONDS)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def requests(self) -> list[RequestRecord]:
        """The latest requests, oldest first; at most `settings.max_request_log`."""
        return self.log.latest()

    @property
    def max_in_flight(self) -> int:
        """Most requests that were under way at once."""
        return self.log.max_in_flight

    def count(self, path: str | None = None, bot_id: int | None = None) -> int:
        """Requests so far, of one path (as "/analytics") or one bot if given."""
        return self.log.count(path, bot_id)

    def reset_counts(self) -> None:
        """Forget all requests so far."""
        self.log.reset()

    def configure(self, **changes: Any) -> None:
        """Change settings, all or none.

        Raises:
            AttributeError: a name is unknown.
            ValueError: a value is not allowed.
        """
        self.settings.configure(**changes)

    def answer_next(self, *answers: Answer) -> None:
        """Queue scripted answers; each is given once, to the next request of its path."""
        with self._answers_lock:
            self._answers.extend(answers)

    def _listen(self) -> None:
        if self._prerender:
            self._render_all()
        self._server = Server(self._port, self._respond)
        self._port = self._server.server_port  # the same again if it is stopped and started

    def _loop(self) -> None:
        if self._server is not None:
            self._server.serve_forever(POLL_SECONDS)

    def _render_all(self) -> None:
        shape = self.settings.shape()
        for bot in self.world.bots.values():
            for record in bot.ordered(self.settings.date_filter):
                self.world.rendered(record, bot.id, shape, keep=True)

    def _respond(self, incoming: Incoming) -> None:
        path = incoming.path.partition("?")[0]
        if path.startswith(control.CONTROL_PATH):
            incoming.connection.send(control.answer(self, incoming.method, path, incoming.body))
            return
        body = _json_object(incoming.body)
        key = incoming.headers.get("X-API-Key")
        api_path = path.removeprefix(API_PATH)
        record = self.log.start(api_path, body, key, self.settings.max_request_log)
        try:
            deliver = self._delivery(incoming, path, body, record)
        finally:
            # Before the client can have the answer, else its next request would seem to overlap.
            self.log.end(record)
        deliver()

    def _delivery(
        self, incoming: Incoming, path: str, body: Row | None, record: RequestRecord
    ) -> Callable[[], None]:
        """Wait as long as the request has to, and give what then ends it: an answer or a fault."""
        connection, settings = incoming.connection, self.settings
        if settings.latency_seconds and not connection.stays_for(settings.latency_seconds):
            return connection.close
        scripted = self._scripted(record.path)
        if scripted is not None:
            record.fault = "scripted"
            return self._sending(connection, scripted, record)
        record.fault = self._faults.draw(record.path, record.bot_id) or self._too_large(body)
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
        return self._sending(connection, answer, record)

    def _sending(
        self, connection: Connection, answer: Answer, record: RequestRecord
    ) -> Callable[[], None]:
        if answer.cut:
            return connection.reset
        record.status = answer.status
        return partial(connection.send, answer)

    def _scripted(self, path: str) -> Answer | None:
        with self._answers_lock:
            for answer in self._answers:
                if answer.path in (None, path):
                    self._answers.remove(answer)
                    return answer
        return None

    def _too_large(self, body: Row | None) -> str | None:
        largest, limit = self.settings.largest_good_limit, (body or {}).get("limit", 50)
        if largest is None or not isinstance(limit, int) or limit <= largest:
            return None
        return self.settings.largest_good_limit_fault

    def _checked_answer(
        self, incoming: Incoming, path: str, body: Row | None, record: RequestRecord
    ) -> Answer:
        try:
            self._check(incoming, path, record)
            if body is None:
                raise RequestError(400, "the body must be a JSON object")
            return Answer(body=self._good_answer(body, record))
        except _LimitedError:
            record.fault = record.fault or "rate_limit"
            return self._rate_limit.refusal()
        except RequestError as refusal:
            return error(refusal.status, str(refusal))

    def _check(self, incoming: Incoming, path: str, record: RequestRecord) -> None:
        """Refuse what is wrong before the body is looked at."""
        if not path.startswith(API_PATH) or record.path not in PATHS:
            raise RequestError(404, "no such endpoint")
        if incoming.method != "POST":
            raise RequestError(405, "the method must be POST")
        if not self._rate_limit.admits():
            raise _LimitedError
        if not self._accepts(incoming.headers.get("X-API-Key"), record.number):
            raise RequestError(self.settings.auth_failure_status, "the API key is not accepted")
        if incoming.headers.get_content_type() != "application/json":
            raise RequestError(415, "Content-Type must be application/json")

    def _accepts(self, key: str | None, number: int) -> bool:
        settings = self.settings
        if not settings.api_access_enabled or key not in self.api_keys - settings.revoked_keys:
            return False
        revoked_from = settings.revoke_all_after_requests
        return revoked_from is None or number < revoked_from or key in settings.still_valid_keys

    def _good_answer(self, body: Row, record: RequestRecord) -> bytes:
        settings = self.settings
        inclusive = settings.datetime_to_inclusive
        if record.path == "/analytics":
            totals = analytics_query(body, inclusive)
            with self.world.lock:
                return analytics.answer(totals, self._bot(totals.bot_id, record.path), settings)
        query = conversations_query(body, settings.naive_timezone, inclusive)
        with self.world.lock:
            bot = self._bot(query.bot_id, record.path)
            content = self._conversations.answer(query, bot, record.number)
            self._churn.after_answer(bot.id)
        return content

    def _bot(self, bot_id: int, path: str) -> Bot:
        status = self.settings.bot_status.get(bot_id)
        paths = self.settings.bot_status_paths
        if status is not None and (paths is None or path in paths):
            raise RequestError(status, "this bot does not answer")
        if bot_id not in self.world.bots:
            raise RequestError(self.settings.unknown_bot_status, "no such bot")
        return self.world.bots[bot_id]


class _LimitedError(Exception):
    """The request is over the rate limit."""


def _json_object(content: bytes) -> Row | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(content)  # knows lone surrogates and huge numbers
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
