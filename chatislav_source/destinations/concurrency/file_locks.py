"""A lock file for each bot, beside a catalog that is a local file itself."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock, Timeout

from chatislav_source.destinations.concurrency.lock import Owner, taken_error
from chatislav_source.destinations.dlt_internals import SqlJobClientBase

WAIT_SECONDS = 2.0  # a killed process may take a moment to end


class FileLocks:
    """Lock files of one run, which end with the process; `BotLocks` describes the methods.

    The files stay: deleting one could let two runs lock two files of the same name.
    """

    def __init__(self, client: SqlJobClientBase, owner: Owner, beside: Path) -> None:
        self._sql = client.sql_client
        self._owner = owner
        self._beside = beside
        self._held = ExitStack()
        self._bots: set[int] = set()

    def take(self, bot_ids: Iterable[int]) -> None:
        """Lock these bots too, in the order of their ids."""
        self._beside.parent.mkdir(parents=True, exist_ok=True)
        for bot_id in sorted(set(bot_ids) - self._bots):
            path = Path(f"{self._beside}.{self._sql.dataset_name}.{bot_id}.lock")
            owner = path.with_suffix(".owner")
            try:
                self._held.enter_context(FileLock(path, timeout=WAIT_SECONDS))
            except Timeout:
                error = taken_error(
                    self._sql, bot_id, owner.read_text("utf-8") if owner.exists() else None
                )
                self.release()
                raise error from None
            owner.write_text(str(self._owner), "utf-8")
            self._bots.add(bot_id)

    def check(self) -> None:
        """Nothing to check: the system keeps the locks until the process ends."""

    def release(self) -> None:
        """Unlock all bots."""
        self._held.close()
        self._bots.clear()
