"""What a refused key means: revoked, good for other bots only, or not accepted at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatislav_source.errors import AuthenticationError, BotAccessError
from chatislav_source.streams.partition import Partition

UNAUTHORIZED = 401  # HTTP status; it is about the key, where 403 may be about one endpoint


class KeyAccess:
    """The bots that one key could read in this run, by stream."""

    def __init__(self) -> None:
        self._answered: set[tuple[str, int]] = set()

    @property
    def readable_bots(self) -> set[int]:
        """Bots that answered in any stream."""
        return {bot_id for _, bot_id in self._answered}

    def note_answer(self, stream: str, bot_id: int) -> None:
        """The key is accepted for this bot in this stream."""
        self._answered.add((stream, bot_id))

    def is_revoked(self, stream: str, bot_id: int, error: AuthenticationError) -> bool:
        """Whether the key was accepted for this bot earlier in the run, so that it is revoked."""
        if (stream, bot_id) in self._answered:
            return True
        return error.status == UNAUTHORIZED and bot_id in self.readable_bots

    def explain_refusals(
        self, partitions: Sequence[Partition[Any, Any]]
    ) -> AuthenticationError | None:
        """The key's refusal where no bot was readable; else each refused bot gets an own error."""
        readable = self.readable_bots
        for partition in partitions:
            error = partition.error
            if isinstance(error, AuthenticationError):
                if not readable:
                    return error
                bot_id = partition.bot_id
                only_here = bot_id in readable
                partition.abort(BotAccessError(bot_id, error.status, only_here=only_here))
        return None
