"""Which version of a conversation the tables hold, so that unchanged rows are not written again.

A row may only be left out if the table holds exactly it. So versions are noted in the order of the
loads, and they are believed only if this machine made the last load, and nothing undid it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dlt.common.pipeline import current_pipeline

MAX_DIGESTS = 4000  # conversations per bot that are remembered as loaded; 64 kB of state

KEY_BYTES = 4
DIGEST_BYTES = 8
ENTRY_BYTES = KEY_BYTES + DIGEST_BYTES


class RowDigests:
    """Of one bot, the versions handed out last; `text` has as many of them as a state may hold.

    None is forgotten before: what a load was found not to need again must stay so until it is made.
    """

    def __init__(self, text: str = "") -> None:
        self._versions = _decoded(text)
        self._is_restored = bool(self._versions)
        self._noted: set[str] = set()  # by this run, where nothing is known from before
        self._settled: set[bytes] = set()

    @property
    def is_of_use(self) -> bool:
        """Whether more versions can be compared or noted without forgetting others."""
        return self._is_restored or not self._is_full

    @property
    def _is_full(self) -> bool:
        return len(self._versions) - len(self._settled) >= MAX_DIGESTS

    def may_know(self, session_ids: Iterable[str]) -> bool:
        """Whether a version of one of these may be known; quick where none is."""
        return self._is_restored or not self._noted.isdisjoint(session_ids)

    def holds(self, session_id: str, digest: bytes | None) -> bool:
        """Whether the tables are known to hold just this version."""
        return digest is not None and self._versions.get(_key(session_id)) == digest

    def note(self, session_id: str, digest: bytes | None, is_newest: bool = True) -> None:
        """The tables will hold this version; None if it is not to be remembered.

        One of the newest days takes the place of what was noted first, else there must be room: as
        every sync reads the same days in the same order, it would forget them in turn.
        """
        if digest is None and not self.may_know([session_id]):
            return
        key = _key(session_id)
        self._versions.pop(key, None)  # so that it counts as new
        self._settled.discard(key)
        if digest is None or (self._is_full and not is_newest):
            return
        self._versions[key] = digest
        if not self._is_restored:
            self._noted.add(session_id)

    def settle(self, session_id: str) -> None:
        """No later run will ask for this version."""
        self._settled.add(_key(session_id))

    @property
    def text(self) -> str:
        """The versions as text for a state."""
        asked_for = [each for each in self._versions.items() if each[0] not in self._settled]
        newest = asked_for[-MAX_DIGESTS:]
        return base64.b64encode(b"".join(key + digest for key, digest in newest)).decode()


def _key(session_id: str) -> bytes:
    return hashlib.blake2b(session_id.encode(), digest_size=KEY_BYTES).digest()


def _decoded(text: str) -> dict[bytes, bytes]:
    joined = base64.b64decode(text, validate=True)
    entries = [joined[n : n + ENTRY_BYTES] for n in range(0, len(joined), ENTRY_BYTES)]
    return {entry[:KEY_BYTES]: entry[KEY_BYTES:] for entry in entries}


class CommitMarker:
    """The bots of a resource of which the state says exactly what the tables hold.

    Each load puts the same new mark into the state and into the pipeline's folder. They differ if
    the folder was lost, a load was undone or stopped half way, or another machine loaded since.
    """

    def __init__(self, resource: str, resource_state: dict[str, Any]) -> None:
        folder = _pipeline_folder()
        self._file = folder / f"chatislav_{resource}.mark" if folder else None
        self._bots: set[str] = set()
        self._new_mark: str | None = None
        known = resource_state.get("trusted")
        if isinstance(known, dict) and known.get("mark") and known["mark"] == self._mark():
            self._bots = {str(bot_id) for bot_id in known.get("bots") or ()}

    def _mark(self) -> str | None:
        return self._file.read_text() if self._file and self._file.is_file() else None

    def is_committed(self, bot_id: int) -> bool:
        """Whether what the state remembers of the bot's rows can be believed."""
        return str(bot_id) in self._bots

    def begin_load(self) -> None:
        """What is noted from now on is of another load."""
        self._new_mark = None

    def advance(self, resource_state: dict[str, Any], bot_ids: Iterable[int], known: bool) -> None:
        """Note that rows of these bots are handed out, and whether the state tells which."""
        names = {str(bot_id) for bot_id in bot_ids}
        self._bots = self._bots | names if known else self._bots - names
        if self._new_mark is None:
            self._new_mark = secrets.token_hex(8)
            if self._file:
                self._file.write_text(self._new_mark)
        resource_state["trusted"] = {"mark": self._new_mark, "bots": sorted(self._bots)}


def _pipeline_folder() -> Path | None:
    """The folder of the pipeline that runs; None where the source is used without one."""
    pipeline = current_pipeline()
    return Path(pipeline.working_dir) if pipeline else None
