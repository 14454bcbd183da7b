"""The first request of a run: finds out whether a key is accepted, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from chatislav_source.api.client import ChatislavClient
from chatislav_source.config import SyncConfig, today_in
from chatislav_source.errors import ApiUnreachableError, AuthenticationError, ChatislavError
from chatislav_source.streams.analytics.day import PATH as ANALYTICS_PATH
from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.conversations.page import PATH as CONVERSATIONS_PATH
from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.date_window import DateWindow

TRIES = 3  # of one request, if the host answers; the run itself tries longer

Target = tuple[str, int]
"""The name of a stream, and a bot."""


def check_key(
    client: ChatislavClient, config: SyncConfig, streams: Sequence[str]
) -> dict[Target, int]:
    """Send the smallest request for one stream and bot after the other until one is not refused.

    Returns how many requests were sent for each. Other errors of the API end it, too: the run meets
    them again, and reports them. A request without any response is followed by the next one.

    Raises:
        AuthenticationError: the API refuses every key, for every bot and stream.
        ApiUnreachableError: the API has not responded to any request.
    """
    sent: Counter[Target] = Counter()
    refusal: AuthenticationError | None = None
    while not refusal:  # `client` gives up a host that never responds
        for target, path, query in _requests(config, streams):
            try:
                sent[target] += client.post(path, query, f"bot {target[1]}", len, tries=TRIES).tries
                return sent
            except AuthenticationError as error:
                sent[target] += error.requests
                refusal = refusal or error
            except ApiUnreachableError:
                raise
            except ChatislavError as error:
                sent[target] += error.requests
                if client.contact.has_responded:
                    return sent
    raise refusal


def _requests(
    config: SyncConfig, streams: Sequence[str]
) -> Iterator[tuple[Target, str, dict[str, Any]]]:
    """One request for each bot and stream: the totals of today, which name nobody, come first."""
    today = today_in("UTC", config.now)
    for bot_id in config.bot_ids:
        page = PageRequest(bot_id, DateWindow(today, None), None, 1)
        day = DayRequest(bot_id, today, config.analytics_channels[0], "UTC", is_final=False)
        requests = {
            "analytics": (ANALYTICS_PATH, day.query()),
            "conversations": (CONVERSATIONS_PATH, page.query()),
        }
        for stream, request in requests.items():
            if stream in streams:
                yield (stream, bot_id), *request
