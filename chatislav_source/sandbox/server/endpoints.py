"""Handles accepted requests of the documented endpoints."""

from __future__ import annotations

from chatislav_source.sandbox.api import analytics
from chatislav_source.sandbox.api.conversations import ConversationsEndpoint
from chatislav_source.sandbox.api.requests import (
    RequestError,
    analytics_query,
    conversations_query,
)
from chatislav_source.sandbox.rendering.cache import RenderCache
from chatislav_source.sandbox.server.churn import Churn
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.bot import Bot
from chatislav_source.sandbox.world.records import Row
from chatislav_source.sandbox.world.world import World

CONVERSATIONS_PATH = "/conversations"
ANALYTICS_PATH = "/analytics"
PATHS = (CONVERSATIONS_PATH, ANALYTICS_PATH)


class Endpoints:
    """Handles requests with data from the world, while it holds the lock of the world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._cache = RenderCache()
        self._conversations = ConversationsEndpoint(settings, self._cache)
        self._churn = Churn(world, settings)

    def prerender(self) -> None:
        """Render every conversation in the configured form."""
        shape = self._settings.shape()
        with self._world.lock:
            for bot in self._world.bots.values():
                ordered = bot.ordered(self._settings.date_filter)
                self._cache.render_all(ordered, bot.id, shape)

    def answer(self, path: str, body: Row, request_number: int) -> bytes:
        """The JSON body of the response to a request of one of `PATHS`.

        Raises:
            RequestError: the body, its page token or its bot is refused.
        """
        if path == ANALYTICS_PATH:
            return self._analytics_body(body)
        return self._conversations_body(body, request_number)

    def _analytics_body(self, body: Row) -> bytes:
        zone = self._settings.analytics_timezone
        asked = body | {"timezone": zone} if zone else body
        query = analytics_query(asked, self._settings.datetime_to_inclusive)
        with self._world.lock:
            bot = self._bot(query.bot_id, ANALYTICS_PATH)
            return analytics.answer(query, bot, self._settings)

    def _conversations_body(self, body: Row, request_number: int) -> bytes:
        settings = self._settings
        query = conversations_query(body, settings.naive_timezone, settings.datetime_to_inclusive)
        with self._world.lock:
            bot = self._bot(query.bot_id, CONVERSATIONS_PATH)
            content = self._conversations.answer(query, bot, request_number)
            self._churn.after_answer(bot.id)
        return content

    def _bot(self, bot_id: int, path: str) -> Bot:
        status = self._settings.bot_status.get(bot_id)
        paths = self._settings.bot_status_paths
        if status is not None and (paths is None or path in paths):
            raise RequestError(status, "the bot is not available")
        if bot_id not in self._world.bots:
            raise RequestError(self._settings.unknown_bot_status, "no such bot")
        return self._world.bots[bot_id]
