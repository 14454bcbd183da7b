"""A lease for each bot, in a table of the dataset; for warehouses that have no locks.

A run holds a bot while the table has its row and no other row of the bot. So a run inserts its row
and then reads: of two runs that do so at once, at least the later one sees the other. This needs no
unique keys, and no statement that inserts only if a row is absent: in BigQuery two of them at once
both insert. A row that is not extended in time is removed by the next run that wants the bot; only
then is the lock lost. All times are the warehouse's.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from chatislav_source.destinations.concurrency.lock import (
    Owner,
    database_errors,
    lost_error,
    taken_error,
)
from chatislav_source.destinations.dlt_internals import SqlJobClientBase
from chatislav_source.destinations.merging.statements import marks

logger = logging.getLogger(__name__)

TABLE = "_chatislav_leases"
EXPIRY_SECONDS = 300  # how long a killed run keeps the next one out
EXTEND_SECONDS = 60
ATTEMPTS = 5
PAUSE_SECONDS = 1.0  # before the next attempt


class Lease(NamedTuple):
    """A row of the table; `expires_at` is in seconds since 1970."""

    bot_id: int
    holder: str
    owner: str
    expires_at: int


class Leases:
    """Leases of one run; `BotLocks` describes the methods.

    A thread extends them, as one load can take longer than a lease.
    """

    def __init__(self, client: SqlJobClientBase, owner: Owner) -> None:
        self._client = client
        self._sql = client.sql_client
        self._owner = owner
        self._holder = uuid.uuid4().hex
        self._bots: set[int] = set()
        self._connection = threading.Lock()  # the thread uses the same connection
        self._ended = threading.Event()
        self._extended_at = (0.0, 0.0)  # by two clocks: one may stop, and one be set
        self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)

    def take(self, bot_ids: Iterable[int]) -> None:
        """Insert leases of these bots; removes those that have expired."""
        wanted = sorted(set(bot_ids) - self._bots)
        if not wanted:
            return
        with self._connection:
            if not self._bots:
                self._sql.open_connection()
            other = self._claim(wanted)
        if other is not None:
            self.release()
            raise taken_error(self._sql, other.bot_id, other.owner)
        self._bots.update(wanted)
        if not self._thread.is_alive():
            self._thread.start()

    def _create_table(self) -> None:
        if not self._sql.has_dataset():
            self._sql.create_dataset()
        mapper = self._client.capabilities.get_type_mapper()
        integer, text = (
            mapper.to_destination_type({"name": name, "data_type": name}, {"name": TABLE})
            for name in ("bigint", "text")
        )
        self._run(
            f"CREATE TABLE IF NOT EXISTS {{table}} "
            f"(bot_id {integer}, holder {text}, owner {text}, expires_at {integer})"
        )

    def _claim(self, bot_ids: list[int]) -> Lease | None:
        """Insert leases; if another run keeps one of its own, return that and insert none.

        Of two runs that have inserted at once, the one with the smaller id stays.
        """
        others: list[Lease] = []
        is_inserted = False
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            if not is_inserted:
                others = self._others(bot_ids)
                if others:
                    self._delete_expired(bot_ids)
                    others = self._others(bot_ids)
                if others:
                    continue
                self._insert(bot_ids)
                is_inserted = True
            others = self._others(bot_ids)
            if not others:
                return None
            if min(other.holder for other in others) < self._holder:
                self._delete_own(bot_ids)
                is_inserted = False
        if is_inserted:
            self._delete_own(bot_ids)
        return others[0]

    def _others(self, bot_ids: list[int]) -> list[Lease]:
        """The leases of other runs, also expired ones; creates the table if there is none."""
        columns = ", ".join(Lease._fields)
        select = f"SELECT {columns} FROM {{table}} WHERE bot_id IN ({marks(bot_ids)})"  # noqa: S608 - no input
        try:
            found = self._run(select, *bot_ids)
        except DatabaseUndefinedRelation:
            self._create_table()
            found = self._run(select, *bot_ids)
        return [lease for lease in (Lease(*row) for row in found) if lease.holder != self._holder]

    def _insert(self, bot_ids: list[int]) -> None:
        self._extended_at = _clocks()
        expires_at = self._now() + EXPIRY_SECONDS
        rows = [Lease(bot_id, self._holder, str(self._owner), expires_at) for bot_id in bot_ids]
        values = ", ".join(f"({marks(row)})" for row in rows)
        self._run(
            f"INSERT INTO {{table}} ({', '.join(Lease._fields)}) VALUES {values}",  # noqa: S608 - no input
            *(value for row in rows for value in row),
        )

    def _delete_expired(self, bot_ids: list[int]) -> None:
        self._run(
            f"DELETE FROM {{table}} WHERE expires_at <= %s AND bot_id IN ({marks(bot_ids)})",  # noqa: S608 - no input
            self._now(),
            *bot_ids,
        )

    def _delete_own(self, bot_ids: Iterable[int]) -> None:
        bots = sorted(bot_ids)
        self._run(
            f"DELETE FROM {{table}} WHERE holder = %s AND bot_id IN ({marks(bots)})",  # noqa: S608 - no input
            self._holder,
            *bots,
        )

    def check(self) -> None:
        """Check that no other run has removed a lease; extends them if the thread could not."""
        with self._connection:
            try:
                if _seconds_since(self._extended_at) > 2 * EXTEND_SECONDS:
                    self._extend()
                held = self._run("SELECT bot_id FROM {table} WHERE holder = %s", self._holder)
            except database_errors(self._sql) as error:
                raise lost_error(self._sql, type(error).__name__) from None
        if len(held) < len(self._bots):
            raise lost_error(self._sql, "it expired")

    def _extend(self) -> None:
        began = _clocks()
        expires_at = self._now() + EXPIRY_SECONDS
        self._run("UPDATE {table} SET expires_at = %s WHERE holder = %s", expires_at, self._holder)
        self._extended_at = began

    def _keep(self) -> None:
        """Extend the leases until they are released."""
        while not self._ended.wait(EXTEND_SECONDS):
            try:
                with self._connection:
                    self._extend()
            except Exception as error:  # `check` reports a lost lease
                logger.warning("The leases could not be extended (%s)", type(error).__name__)

    def release(self) -> None:
        """Delete the leases and end the thread."""
        self._ended.set()
        with self._connection:
            with suppress(*database_errors(self._sql)):
                if self._bots:
                    self._delete_own(self._bots)
            with suppress(*database_errors(self._sql)):
                self._sql.close_connection()
            self._bots.clear()

    def _now(self) -> int:
        """The warehouse's time in seconds since 1970, rounded up."""
        [(now,)] = self._run("SELECT CURRENT_TIMESTAMP")
        if isinstance(now, str):  # by SQLite, always in UTC
            now = datetime.fromisoformat(now)
        if not isinstance(now, datetime):
            raise TypeError(f"CURRENT_TIMESTAMP is {type(now).__name__}")
        return int((now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()) + 1

    def _run(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        """The rows of a statement about the table, none if it has none."""
        name = self._sql.make_qualified_table_name(TABLE)
        return self._sql.execute_sql(sql.format(table=name), *values) or []


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()


def _seconds_since(clocks: tuple[float, float]) -> float:
    """The time since then, by the clock that shows more."""
    return max(abs(now - then) for now, then in zip(_clocks(), clocks, strict=True))
