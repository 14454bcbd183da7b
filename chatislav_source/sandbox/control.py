"""The sandbox's own endpoints, to switch and watch it from another process; no key needed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from .faults import Answer, error
from .mutating import MUTATIONS

if TYPE_CHECKING:
    from .server import Sandbox

CONTROL_PATH = "/sandbox/"
LAST_REQUESTS = 100  # shown of the log


def answer(sandbox: Sandbox, method: str, path: str, body: bytes) -> Answer:
    """Answer a request under `CONTROL_PATH`; 400 with the reason if it is wrong."""
    name = path.removeprefix(CONTROL_PATH)
    try:
        if method == "GET" and name.startswith("conversations/"):
            bot_id = int(name.removeprefix("conversations/"))
            return Answer(body=sandbox.world.truth_json(bot_id))
        action = _ACTIONS.get((method, name))
        if action is None:
            return error(404, f"no such endpoint of the sandbox: {method} {path}")
        return Answer(body=action(sandbox, orjson.loads(body) if body else {}))
    except KeyError as unknown:
        return error(404, f"not known: {unknown}")
    except (AttributeError, TypeError, ValueError) as problem:
        return error(400, str(problem))


def _health(_: Sandbox, __: Any) -> Any:
    return {"status": "ok"}


def _settings(sandbox: Sandbox, _: Any) -> Any:
    settings = sandbox.settings.as_dict()
    return {
        name: sorted(value) if isinstance(value, set) else _text_keys(value)
        for name, value in settings.items()
    }


def _text_keys(value: Any) -> Any:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value


def _configure(sandbox: Sandbox, changes: Any) -> Any:
    if not isinstance(changes, dict):
        raise ValueError("the changes must be a JSON object")
    sandbox.configure(**changes)
    return _settings(sandbox, None)


def _requests(sandbox: Sandbox, _: Any) -> Any:
    return sandbox.log.summary(LAST_REQUESTS)


def _reset(sandbox: Sandbox, _: Any) -> Any:
    sandbox.reset_counts()
    return sandbox.log.summary(LAST_REQUESTS)


def _mutate(sandbox: Sandbox, order: Any) -> Any:
    """Change the world `count` times; gives the session ids that were changed."""
    if not isinstance(order, dict) or order.get("kind") not in MUTATIONS:
        raise ValueError(f"kind must be one of {', '.join(MUTATIONS)}")
    random = Random(order.get("seed", 1))  # noqa: S311 - made-up changes
    bot_id = order.get("bot_id")
    changed = [
        sandbox.world.mutate(order["kind"], random, bot_id) for _ in range(order.get("count", 1))
    ]
    return {"changed": [session_id for session_id in changed if session_id is not None]}


_ACTIONS = {
    ("GET", "health"): _health,
    ("GET", "settings"): _settings,
    ("PATCH", "settings"): _configure,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _reset,
    ("POST", "mutate"): _mutate,
}
