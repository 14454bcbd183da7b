"""Is the key accepted, and is each bot readable: one small request per bot."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any

from chatislav_source.client import ChatislavClient
from chatislav_source.conversations import PATH, PageRequest, envelope_problem
from chatislav_source.errors import BotRefusedError, ChatislavError, KeyRefusedError
from chatislav_source.options import Options
from chatislav_source.throttle import Throttle
from chatislav_source.windows import DateWindow

TRIES = 3  # somebody waits for the answer


@dataclass(frozen=True)
class Finding:
    """What was checked; `problem` says what is wrong and what to do, null if nothing is."""

    subject: str
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return asdict(self)


def check_bots(options: Options) -> list[Finding]:
    """One finding per bot, in the order given.

    Raises:
        KeyRefusedError: no bot can be read with any key.
    """
    stop = threading.Event()
    throttle = Throttle(options.max_concurrency, stop)
    with ChatislavClient(options.base_url, options.keys, throttle, stop) as client:
        errors = {bot_id: _error(client, bot_id, options) for bot_id in options.bot_ids}
    refusals = [error for error in errors.values() if isinstance(error, KeyRefusedError)]
    if refusals and len(refusals) == len(errors):
        raise refusals[0]
    return [Finding(f"bot {bot_id}", _problem(bot_id, error)) for bot_id, error in errors.items()]


def _error(client: ChatislavClient, bot_id: int, options: Options) -> ChatislavError | None:
    request = PageRequest(bot_id, DateWindow(options.now.date(), None), None, 1)
    try:
        client.post(PATH, request.query(), f"bot {bot_id}", envelope_problem, TRIES)
    except ChatislavError as error:
        return error
    return None


def _problem(bot_id: int, error: ChatislavError | None) -> str | None:
    if isinstance(error, KeyRefusedError):
        return str(BotRefusedError(bot_id, error.status))
    return str(error) if error else None
