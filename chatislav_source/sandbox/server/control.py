"""The sandbox's control endpoints, for settings and request logs; they need no key."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from chatislav_source.sandbox.rendering.rows import render_record
from chatislav_source.sandbox.rendering.shape import TRUTH
from chatislav_source.sandbox.server.answer import Answer, error
from chatislav_source.sandbox.server.request_log import RequestLog
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.mutations import MUTATION_KINDS
from chatislav_source.sandbox.world.world import World

CONTROL_PATH = "/sandbox/"
LAST_REQUESTS = 100  # of the log that are returned
CONVERSATIONS = "conversations/"  # followed by a bot id


class Control:
    """Handles requests under `CONTROL_PATH`."""

    def __init__(self, world: World, settings: Settings, log: RequestLog) -> None:
        self._world = world
        self._settings = settings
        self._log = log
        self._actions = {
            ("GET", "health"): self._health,
            ("GET", "settings"): self._show_settings,
            ("PATCH", "settings"): self._configure,
            ("GET", "requests"): self._show_requests,
            ("DELETE", "requests"): self._reset_requests,
            ("POST", "mutate"): self._mutate,
        }

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """The response to a request; 400 or 404 with the reason if the request is wrong."""
        name = path.removeprefix(CONTROL_PATH)
        try:
            if method == "GET" and name.startswith(CONVERSATIONS):
                return Answer(body=self._conversations(int(name.removeprefix(CONVERSATIONS))))
            action = self._actions.get((method, name))
            if action is None:
                return error(404, f"no such endpoint of the sandbox: {method} {path}")
            return Answer(body=action(orjson.loads(body) if body else {}))
        except KeyError as unknown:
            return error(404, f"not known: {unknown}")
        except (AttributeError, TypeError, ValueError) as problem:
            return error(400, str(problem))

    def _conversations(self, bot_id: int) -> bytes:
        """All conversations of a bot as a JSON list, oldest first, timestamps in UTC with Z."""
        with self._world.lock:
            ordered = self._world.bots[bot_id].ordered("created")
            return b"[%b]" % b",".join(render_record(each, bot_id, TRUTH) for each in ordered)

    def _health(self, _: Any) -> Any:
        return {"status": "ok"}

    def _show_settings(self, _: Any) -> Any:
        return {name: _as_json(value) for name, value in self._settings.as_dict().items()}

    def _configure(self, changes: Any) -> Any:
        if not isinstance(changes, dict):
            raise ValueError("the changes must be a JSON object")
        self._settings.configure(**changes)
        return self._show_settings(None)

    def _show_requests(self, _: Any) -> Any:
        return self._log.summary(LAST_REQUESTS)

    def _reset_requests(self, _: Any) -> Any:
        self._log.reset()
        return self._log.summary(LAST_REQUESTS)

    def _mutate(self, order: Any) -> Any:
        """Change the world `count` times; returns the session ids that were changed."""
        if not isinstance(order, dict) or order.get("kind") not in MUTATION_KINDS:
            raise ValueError(f"kind must be one of {', '.join(MUTATION_KINDS)}")
        random = Random(order.get("seed", 1))  # noqa: S311 - repeatable test data
        kind, bot_id = order["kind"], order.get("bot_id")
        changed = [self._world.mutate(kind, random, bot_id) for _ in range(order.get("count", 1))]
        return {"changed": [session_id for session_id in changed if session_id is not None]}


def _as_json(value: Any) -> Any:
    """Sets as sorted lists, objects with text keys."""
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, dict):
        return {str(key): each for key, each in value.items()}
    return value
