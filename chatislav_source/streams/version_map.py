"""The versions of stored conversations, in a fifth of the memory of a dict."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from chatislav_source.streams.key_set import FREE, SLOTS, place_of

UNKNOWN = -1  # in a slot whose version was removed


class VersionMap:
    """By the hash of a session id, the hash of its version: 24 to 48 bytes for each conversation.

    A dict takes about 170 with its keys and values, and the days that a sync reads again may have
    hundreds of thousands of conversations.
    """

    def __init__(self, versions: Iterable[tuple[str, str]] = ()) -> None:
        self._keys = array("q", [FREE]) * SLOTS
        self._values = array("q", [UNKNOWN]) * SLOTS
        self._used = 0
        self.update(versions)

    def update(self, versions: Iterable[tuple[str, str]]) -> None:
        """Note pairs of a session id and its version."""
        for session_id, version in versions:
            self.note(session_id, version)

    def note(self, session_id: str, version: str | None) -> None:
        """Note the version of a conversation; None: it is not known."""
        if 3 * self._used > 2 * len(self._keys):
            self._grow()
        place = self._place(session_id)
        if self._keys[place] == FREE:
            self._keys[place] = hash(session_id)
            self._used += 1
        self._values[place] = UNKNOWN if version is None else hash(version)

    def has(self, session_id: str, version: str) -> bool:
        """Whether this is the version of the conversation."""
        return self._values[self._place(session_id)] == hash(version)

    def __contains__(self, session_id: str) -> bool:
        return self._values[self._place(session_id)] != UNKNOWN

    def __len__(self) -> int:
        return sum(value != UNKNOWN for value in self._values)

    def _place(self, session_id: str) -> int:
        return place_of(self._keys, hash(session_id))

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._keys = array("q", [FREE]) * (2 * len(keys))
        self._values = array("q", [UNKNOWN]) * (2 * len(keys))
        for key, value in zip(keys, values, strict=True):
            if key != FREE:
                place = place_of(self._keys, key)
                self._keys[place], self._values[place] = key, value
