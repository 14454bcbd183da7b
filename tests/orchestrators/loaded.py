"""Compares the rows of a warehouse after a run with the data of the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from chatislav_source.records.schema import CONVERSATIONS, MESSAGES, Table
from chatislav_source.sandbox import World
from tests.exactness.truth import Row, conversation_row, differences, message_row

DATASET = "chatislav"
TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class RowDigests:
    """The tables in Postgres or in a DuckDB file."""

    place: str | Path

    def rows(self, sql: str) -> list[Row]:
        """The rows of a query, instants in UTC."""
        with self._connection() as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def execute(self, sql: str) -> None:
        """Run a statement outside of a transaction."""
        with self._connection() as connection, closing(connection.cursor()) as cursor:
            connection.autocommit = True
            cursor.execute(sql)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        if isinstance(self.place, Path):
            with duckdb.connect(str(self.place), read_only=True) as connection:
                yield connection
            return
        import psycopg2

        with closing(psycopg2.connect(self.place)) as connection:
            yield connection

    def table(self, table: Table, bots: Sequence[int]) -> list[Row]:
        """The rows of some bots, as Python has them."""
        among = ", ".join(map(str, bots))
        found = self.rows(f"SELECT * FROM {DATASET}.{table.name} WHERE bot_id IN ({among})")
        jsons = [column.name for column in table.columns if column.data_type == "json"]
        return [
            {name: _value(value, name in jsons) for name, value in row.items()} for row in found
        ]

    def wrong(
        self, world: World, bots: Sequence[int], first_day: date, last_day: date = TODAY
    ) -> list[str]:
        """The differences from the expected rows of `bots`, both days included."""
        items = [
            item
            for bot in bots
            for item in world.conversations(bot)
            if first_day <= item["lastActivity"].date() <= last_day
        ]
        parents = {(item["botId"], item["sessionId"]): conversation_row(item) for item in items}
        children = {
            (item["botId"], item["sessionId"], index): message_row(item, index)
            for item in items
            for index in range(len(item["messages"]))
        }
        return [
            *differences(CONVERSATIONS, self.table(CONVERSATIONS, bots), parents),
            *differences(MESSAGES, self.table(MESSAGES, bots), children),
            *self._wrong_days(world, bots, first_day, last_day),
        ]

    def _wrong_days(
        self, world: World, bots: Sequence[int], first_day: date, last_day: date
    ) -> list[str]:
        """The totals of days that differ; `conversations__total` stands for all of them."""
        among = ", ".join(map(str, bots))
        columns = "bot_id, date, conversations__total"
        found = self.rows(f"SELECT {columns} FROM {DATASET}.analytics WHERE bot_id IN ({among})")
        began = Counter(
            (bot, item["createdAt"].date()) for bot in bots for item in world.conversations(bot)
        )
        days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
        truth = Counter((bot, day, began[bot, day]) for bot in bots for day in days)
        loaded = Counter(tuple(row.values()) for row in found)
        return [
            f"analytics {day} × {n}" for day, n in ((loaded - truth) + (truth - loaded)).items()
        ]


def _value(value: Any, is_json: bool) -> Any:
    if is_json and isinstance(value, str):
        return json.loads(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value
