"""Two runs that load one bot into a real Postgres, and statements that are held up there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import psycopg2

from chatislav_source import chatislav, sync
from chatislav_source.destinations.concurrency.doubles import stored_twice
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.soon import soon

from .story import TODAY
from .warehouses import Warehouse

BOT = 7
CONVERSATIONS = 5
MESSAGES = 3
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
SESSION_OF_A_LOCK = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"


def small_world() -> World:
    """One bot with a few conversations of today."""
    return World.generate(
        bot_ids=(BOT,), conversations=CONVERSATIONS, days=1, last_day=TODAY, messages=MESSAGES
    )


@dataclass
class Meeting:
    """A dataset of a Postgres, a sandbox, and runs that load its bot at the same time."""

    warehouse: Warehouse
    url: str
    api: Sandbox
    folder: Path
    dataset: str
    pool: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    def pipeline(self, machine: str, name: str = "chatislav_sync") -> dlt.Pipeline:
        """The pipeline of a machine, as a new process creates it."""
        return self.warehouse.pipeline(self.folder / machine, self.dataset, name=name)

    def arguments(self) -> Any:
        """Arguments of a run."""
        given = {"bot_ids": [BOT], "api_key": SANDBOX_KEY, "base_url": self.api.base_url}
        return given | {"start_date": TODAY.isoformat()}

    def sync(self, machine: str, name: str = "chatislav_sync") -> Any:
        """Sync on a machine; returns the report."""
        return sync(self.pipeline(machine, name), **self.arguments())

    def run(self, machine: str, name: str = "chatislav_sync") -> None:
        """Run the source with dlt alone."""
        self.pipeline(machine, name).run(chatislav(**self.arguments()))

    def start(self, action: Any, *arguments: Any) -> Future[Any]:
        """Start a run, and wait until a statement of it waits in Postgres."""
        before = self.asked(WAITING)[0][0]
        started = self.pool.submit(action, *arguments)
        assert soon(lambda: self.asked(WAITING)[0][0] > before or started.done())
        if started.done():
            started.result()
            raise AssertionError("the run was not held up")
        return started

    def change(self, comment: str) -> None:
        """Change every conversation."""
        for row in self.api.world.conversations(BOT):
            self.api.world.change(BOT, row["sessionId"], touch=True, feedbackComment=comment)

    def asked(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The result of a statement, on a connection of its own."""
        with self.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A connection to the server."""
        connection = psycopg2.connect(self.url)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def held_up(self, *statements: str) -> Iterator[None]:
        """Whatever these statements lock stays locked until the end, and is then rolled back."""
        with self.connection() as connection:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement.format(dataset=self.dataset))
            yield

    def break_lock(self) -> None:
        """Break the connection of every lock, as the end of a network does."""
        holders = self.asked(SESSION_OF_A_LOCK)
        assert holders
        for (pid,) in holders:
            self.asked("SELECT pg_terminate_backend(%s)", pid)

    def is_exact(self, comment: str | None = None) -> bool:
        """Whether each conversation is stored once, with its messages; with this comment if any."""
        with self.pipeline("reader").sql_client() as client:
            if stored_twice(client, None):
                return False
        conversations = f"SELECT feedback_comment FROM {self.dataset}.conversations"
        messages = f"SELECT count(*) FROM {self.dataset}.conversations__messages"
        comments = [text for (text,) in self.asked(conversations)]
        counts = (len(comments), self.asked(messages)[0][0])
        return counts == (CONVERSATIONS, CONVERSATIONS * MESSAGES) and (
            comment is None or set(comments) == {comment}
        )


def hold_inserts(met: Meeting, key: int, table: str = "conversations__messages") -> None:
    """An insert waits while another session has locked `key`."""
    met.asked(
        f"CREATE FUNCTION {met.dataset}.wait() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_advisory_xact_lock_shared({key}); RETURN NULL; END $$"
    )
    met.asked(
        f"CREATE TRIGGER hold BEFORE INSERT ON {met.dataset}.{table} "
        f"EXECUTE FUNCTION {met.dataset}.wait()"
    )
