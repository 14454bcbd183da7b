"""The sandbox API: a world, settings and a log behind an HTTP server on loopback."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Thread
from typing import Any

from chatislav_source.sandbox.server.answer import Answer
from chatislav_source.sandbox.server.control import Control
from chatislav_source.sandbox.server.endpoints import Endpoints
from chatislav_source.sandbox.server.http_server import Server
from chatislav_source.sandbox.server.request_log import RequestLog, RequestRecord
from chatislav_source.sandbox.server.responder import API_PATH, Responder
from chatislav_source.sandbox.server.scripted_answers import ScriptedAnswers
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.world import World

SANDBOX_KEY = "chsk_live_sandbox"
STOP_SECONDS = 5.0  # wait for each open connection when stopping
POLL_SECONDS = 0.02  # interval at which the listening thread checks for a stop


class Sandbox:
    """Serves `world` as the Chatislav API at `base_url`, on 127.0.0.1 only.

    With `port` 0 the system chooses a port. `settings` may be changed while it serves.
    """

    def __init__(
        self,
        world: World,
        settings: Settings | None = None,
        api_keys: Iterable[str] = (SANDBOX_KEY,),
        port: int = 0,
    ) -> None:
        self.world = world
        self.settings = settings or Settings()
        self.api_keys = set(api_keys)
        self.log = RequestLog()
        self._scripted = ScriptedAnswers()
        self._endpoints = Endpoints(world, self.settings)
        self._responder = Responder(
            settings=self.settings,
            api_keys=self.api_keys,
            endpoints=self._endpoints,
            control=Control(world, self.settings, self.log),
            log=self.log,
            scripted=self._scripted,
        )
        self._port = port
        self._server: Server | None = None
        self._thread: Thread | None = None
        world.clock_offset = lambda: self.settings.clock_offset_seconds

    @property
    def base_url(self) -> str:
        """The address of the API.

        Raises:
            RuntimeError: the sandbox is not started.
        """
        if self._server is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://127.0.0.1:{self._server.server_port}{API_PATH}"

    def start(self) -> Sandbox:
        """Listen, and serve in background threads.

        Raises:
            OSError: the port is taken.
        """
        if self.settings.prerender:
            self._endpoints.prerender()
        self._server = Server(self._port, self._responder.respond)
        self._port = self._server.server_port  # the same port after a restart
        self._thread = Thread(
            target=self._server.serve_forever,
            args=(POLL_SECONDS,),
            name="chatislav-sandbox",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and close every connection, also those with a "hang" fault."""
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
        """The maximum number of requests in flight."""
        return self.log.max_in_flight

    def count(self, path: str | None = None, bot_id: int | None = None) -> int:
        """Number of requests so far, of one path (as "/analytics") or one bot if given."""
        return self.log.count(path, bot_id)

    def reset_counts(self) -> None:
        """Remove all requests from the log."""
        self.log.reset()

    def configure(self, **changes: Any) -> None:
        """Change settings, all or none.

        Raises:
            AttributeError: a name is unknown.
            ValueError: a value is not allowed.
        """
        self.settings.configure(**changes)

    def answer_next(self, *answers: Answer) -> None:
        """Queue scripted responses; each is sent once, to the next request of its path."""
        self._scripted.extend(answers)
