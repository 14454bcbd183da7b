"""The first request of a run: finds out whether a key is accepted, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chatislav_source.api.client import ChatislavClient
from chatislav_source.config import SyncConfig, today_in
from chatislav_source.errors import AuthenticationError, ChatislavError
from chatislav_source.streams.analytics.day import PATH as ANALYTICS_PATH
from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.conversations.page import PATH as CONVERSATIONS_PATH
from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.date_window import DateWindow

TRIES = 3  # of one request; the run itself tries longer

Target = tuple[str, int]
"""The name of a stream, and a bot."""


def check_key(
    client: ChatislavClient, config: SyncConfig, streams: Sequence[str]
) -> dict[Target, int]:
    """Send the smallest request; a refused one is followed by that for the next stream and bot.

    Returns how many requests were sent for each. An error other than a refusal ends it, too: the
    run meets it again, and reports it.

    Raises:
        AuthenticationError: the API refuses every key, for every bot and stream.
    """
    sent: dict[Target, int] = {}
    refusal: AuthenticationError | None = None
    for target, path, query in _requests(config, streams):
        try:
            answer = client.post(path, query, f"bot {target[1]}", len, tries=TRIES)
        except AuthenticationError as error:
            refusal = refusal or error
            sent[target] = error.requests
        except ChatislavError as error:
            return {**sent, target: error.requests}
        else:
            return {**sent, target: answer.tries}
    if refusal:
        raise refusal
    return sent


def _requests(
    config: SyncConfig, streams: Sequence[str]
) -> Iterator[tuple[Target, str, dict[str, Any]]]:
    """One request for each bot and stream: one conversation of today, or the totals of today."""
    today = today_in("UTC", config.now)
    for bot_id in config.bot_ids:
        page = PageRequest(bot_id, DateWindow(today, None), None, 1)
        day = DayRequest(bot_id, today, config.analytics_channels[0], "UTC", is_final=False)
        requests = {
            "conversations": (CONVERSATIONS_PATH, page.query()),
            "analytics": (ANALYTICS_PATH, day.query()),
        }
        for stream in streams:
            yield (stream, bot_id), *requests[stream]
