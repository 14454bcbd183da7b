"""Classifies a refused key: revoked, valid for other bots only, or not accepted at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatislav_source.errors import AuthenticationError, BotAccessError
from chatislav_source.streams.partition import Partition

UNAUTHORIZED = 401  # HTTP status of a refused key; 403 may be about one endpoint only


class KeyAccess:
    """The bots that the key has read in this run, by stream."""

    def __init__(self) -> None:
        self._read: set[tuple[str, int]] = set()

    @property
    def readable_bots(self) -> set[int]:
        """Bots that the key has read in any stream."""
        return {bot_id for _, bot_id in self._read}

    def note_access(self, stream: str, bot_id: int) -> None:
        """Note that the key was accepted for this bot in this stream."""
        self._read.add((stream, bot_id))

    def is_revoked(self, stream: str, bot_id: int, error: AuthenticationError) -> bool:
        """Whether the key was revoked: it was accepted for this bot earlier in the run."""
        if (stream, bot_id) in self._read:
            return True
        return error.status == UNAUTHORIZED and bot_id in self.readable_bots

    def explain_refusals(
        self, partitions: Sequence[Partition[Any, Any]]
    ) -> AuthenticationError | None:
        """The refusal if no bot was readable; else None, and each refused bot gets an error."""
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
