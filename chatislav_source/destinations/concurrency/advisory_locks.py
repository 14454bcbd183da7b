"""Postgres: an advisory lock for each bot, on a connection that stays open for the run.

The locks belong to a transaction, not to the session: a connection pooler keeps a transaction on
one server connection, while it moves a session between several. The transaction reads no table and
has no snapshot, so it does not hold up a vacuum. Postgres releases the locks when the process ends.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from contextlib import suppress

from chatislav_source.destinations.concurrency.lock import (
    Owner,
    database_errors,
    lost_error,
    taken_error,
)
from chatislav_source.destinations.dlt_internals import SqlJobClientBase, is_psycopg2

ATTEMPTS = 20  # the server may need a moment to notice that a process was killed
PAUSE_SECONDS = 0.1

# A server that closes idle transactions, or notices a dead machine only after two hours, is told
# otherwise for this transaction. A name is cut at 63 bytes.
SETTINGS = {
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}
APPLY = (
    "SELECT set_config(name, value, true) FROM pg_settings "
    "JOIN unnest(%s::text[], %s::text[]) AS wanted (name, value) USING (name)"
)
HELD = (
    "SELECT count(*) FROM pg_locks "
    "WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND granted"
)
# `xact_start` is null if the session belongs to another user
HOLDER = (
    "SELECT application_name, xact_start FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid, objid) = (%s, %s) "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class AdvisoryLocks:
    """Locks of one run; `BotLocks` describes the methods."""

    def __init__(self, client: SqlJobClientBase, owner: Owner) -> None:
        if not is_psycopg2(client.sql_client):
            raise TypeError(f"{type(client.sql_client)} is no client of Postgres")
        self._sql = client.sql_client
        self._owner = owner
        self._bots: set[int] = set()

    def take(self, bot_ids: Iterable[int]) -> None:
        """Lock these bots too, in the order of their ids."""
        if not self._bots:
            self._begin()
        for bot_id in sorted(set(bot_ids) - self._bots):
            if not self._try(bot_id):
                error = taken_error(self._sql, bot_id, self._holder(bot_id))
                self.release()
                raise error
            self._bots.add(bot_id)

    def _begin(self) -> None:
        self._sql.open_connection()
        self._sql.native_connection.autocommit = False
        # the user's default may keep a snapshot until the end of a transaction
        self._sql.execute_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        settings = SETTINGS | {"application_name": application_name(self._owner)}
        self._sql.execute_sql(APPLY, list(settings), list(settings.values()))

    def _try(self, bot_id: int) -> bool:
        """Whether the bot could be locked."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            key = lock_key(self._sql.dataset_name, bot_id)
            [(is_locked,)] = self._sql.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", key) or [
                (False,)
            ]
            if is_locked:
                return True
        return False

    def _holder(self, bot_id: int) -> str:
        """The run that has locked the bot; empty if it has ended meanwhile."""
        key = lock_key(self._sql.dataset_name, bot_id) % 2**64
        found = self._sql.execute_sql(HOLDER, key >> 32, key % 2**32) or []
        return ", ".join(
            f"{name}, since {since:%Y-%m-%d %H:%M:%S %Z}" if since else name
            for name, since in found
        )

    def check(self) -> None:
        """Check that the transaction with all locks is still open."""
        try:
            [(held,)] = self._sql.execute_sql(HELD) or [(0,)]
        except database_errors(self._sql) as error:
            raise lost_error(self._sql, f"{type(error).__name__}: the connection broke") from None
        if held < len(self._bots):
            raise lost_error(self._sql, "the connection broke")

    def release(self) -> None:
        """End the transaction; the server releases the locks before it responds."""
        if self._sql.native_connection:
            with suppress(*database_errors(self._sql)):
                self._sql.rollback_transaction()
            with suppress(*database_errors(self._sql)):
                self._sql.close_connection()
        self._bots.clear()


def lock_key(dataset: str, bot_id: int) -> int:
    """The key of a bot's lock: a signed 64-bit number; Postgres adds the database to it."""
    digest = hashlib.blake2b(f"chatislav {dataset} {bot_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def application_name(owner: Owner) -> str:
    """The owner in 63 bytes, which any user may read in `pg_stat_activity`."""
    return f"process {owner.pid} on {owner.host[:24]}, pipeline {owner.pipeline_name}"[:63]
