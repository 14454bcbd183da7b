"""The API keys: which one is used, and how long a refusal of a key that has worked is doubted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

# Seconds before the same key is asked again. A firewall refuses one request of many, and a key
# service that restarts refuses all for some time; a key that was revoked is refused for good.
WAITS = (1.0, 3.0, 7.0, 15.0, 34.0)  # a minute in all
WAITS_IF_NOT_READ = 2  # of them: the key works, but perhaps not for this bot or this endpoint
UNAUTHORIZED = 401  # is about the key; 403 may be about one bot or one endpoint


@dataclass(frozen=True)
class Target:
    """What a key may be refused for: an endpoint, and a bot."""

    path: str
    bot_id: object


class ApiKeys:
    """The keys, the one in use first; thread-safe, as it only replaces its attributes.

    Of the threads whose key was refused, only the one that holds `asking` asks again; if that is
    refused too, it counts in `doubt` for all of them, until a request is accepted.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.asking = Lock()
        self.doubt = 0
        self._keys = tuple(keys)
        self._read: frozenset[Target] = frozenset()

    @property
    def current(self) -> str:
        """The key in use."""
        return self._keys[0]

    def others(self, key: str) -> list[str]:
        """All keys except `key`."""
        return [other for other in self._keys if other != key]

    def use(self, key: str) -> None:
        """Use this key first from now on."""
        self._keys = (key, *self.others(key))

    def note_access(self, target: Target) -> None:
        """Note that a key was accepted for `target`."""
        self.doubt = 0
        if target not in self._read:
            self._read |= {target}

    def wait(self, target: Target, status: int, refusals: int) -> float | None:
        """Seconds to wait before the next try; None if the refusal is to be believed.

        `refusals` counts those of this request, and is at least 1. A key that has never worked is
        believed to be refused at once.
        """
        if not self._read:
            return None
        is_known = target in self._read or status == UNAUTHORIZED
        waits = WAITS if is_known else WAITS[:WAITS_IF_NOT_READ]
        number = max(self.doubt, refusals - 1)
        return waits[number] if number < len(waits) else None

    def removed_from(self, text: str) -> str:
        """`text` without keys."""
        for key in self._keys:
            text = text.replace(key, "***")
        return text
