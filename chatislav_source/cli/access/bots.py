"""Checks with one small request per bot that the API accepts the key and the bot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.configured_client import client_of
from chatislav_source.config import SyncConfig
from chatislav_source.errors import AuthenticationError, BotAccessError, ChatislavError
from chatislav_source.records.convert import parse_page
from chatislav_source.streams.conversations.page import PATH, PageRequest
from chatislav_source.streams.date_window import DateWindow

TRIES = 3  # fewer than for a sync, as a person waits for the result


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; `problem` says what is wrong and what to do, None if nothing."""

    subject: str
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)


def check_bots(config: SyncConfig) -> list[CheckResult]:
    """One result per bot, in the order of the configuration.

    Raises:
        AuthenticationError: the API accepts no key for any bot.
    """
    with client_of(config) as client:
        errors = {bot_id: _error(client, bot_id, config) for bot_id in config.bot_ids}
    refusals = [error for error in errors.values() if isinstance(error, AuthenticationError)]
    if refusals and len(refusals) == len(errors):
        raise refusals[0]
    return [
        CheckResult(f"bot {bot_id}", _problem(bot_id, error)) for bot_id, error in errors.items()
    ]


def _error(client: ChatislavClient, bot_id: int, config: SyncConfig) -> ChatislavError | None:
    request = PageRequest(bot_id, DateWindow(config.now.date(), None), None, 1)
    try:
        client.post(
            PATH,
            request.query(),
            f"bot {bot_id}",
            lambda body: parse_page(body, bot_id, config.api_zone),
            tries=TRIES,
        )
    except ChatislavError as error:
        return error
    return None


def _problem(bot_id: int, error: ChatislavError | None) -> str | None:
    if isinstance(error, AuthenticationError):
        return str(BotAccessError(bot_id, error.status))
    return str(error) if error else None
