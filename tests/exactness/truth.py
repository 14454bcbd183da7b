"""The tables and the sandbox's data as comparable rows, and a bench that syncs."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb

from chatislav_source import sync
from chatislav_source.records.schema import (
    ANALYTICS,
    CONVERSATIONS,
    LOAD_ID,
    MESSAGES,
    SYNCED_AT,
    VERSION,
    Table,
    snake_case,
)
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.sandbox.api.analytics import totals_of
from chatislav_source.sandbox.world.bot import Bot

Row = dict[str, Any]
Rows = dict[tuple[Any, ...], Row]

DATASET = "chatislav"
TODAY = datetime.now(UTC).date()


def days_ago(days: int) -> date:
    """A day before today."""
    return TODAY - timedelta(days=days)


@dataclass
class Bench:
    """A sandbox, a DuckDB file and a folder of pipelines; syncs the sandbox into the file."""

    api: Sandbox
    folder: Path
    bot_ids: list[int]
    start_date: date = field(default_factory=lambda: days_ago(40))
    name: str = "exact"
    with_flags: bool = False

    @property
    def world(self) -> World:
        """The data of the API."""
        return self.api.world

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.folder / "warehouse.duckdb"

    def pipeline(self) -> dlt.Pipeline:
        """The pipeline, as a new process creates it."""
        return dlt.pipeline(
            self.name,
            destination=dlt.destinations.duckdb(str(self.database)),
            dataset_name=DATASET,
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def arguments(self, **given: Any) -> Any:
        """The arguments of a sync of all bots, updated with `given`."""
        defaults = {"bot_ids": self.bot_ids, "api_key": SANDBOX_KEY, "start_date": self.start_date}
        flags = {"guardrail_flags": True} if self.with_flags else {}
        return defaults | {"base_url": self.api.base_url} | flags | given

    def sync(self, **given: Any) -> SyncReport:
        """Run one sync, as a new process would."""
        return sync(self.pipeline(), **self.arguments(**given))

    def states(self, resource: str = CONVERSATIONS.name) -> dict[str, Any]:
        """The stored states, by bot."""
        resources = self.pipeline().state["sources"]["chatislav"]["resources"]
        bots: dict[str, Any] = resources[resource]["bots"]
        return bots

    def differences(self, bot_ids: list[int] | None = None) -> list[str]:
        """The differences of conversations and messages from the sandbox's data."""
        bots = bot_ids or self.bot_ids
        return [
            *differences(CONVERSATIONS, stored(self.database, CONVERSATIONS), self._parents(bots)),
            *differences(MESSAGES, stored(self.database, MESSAGES), self._children(bots)),
        ]

    def analytics_differences(self, exact_from: date) -> list[str]:
        """The differences of the analytics from the sandbox's data.

        Of days before `exact_from` only that they are there: they were final when they changed.
        """
        days = [days_ago(n) for n in range((TODAY - self.start_date).days + 1)]
        rows = stored(self.database, ANALYTICS)
        truth = {
            (bot_id, day, "all", "UTC"): _analytics_row(self.world, bot_id, day)
            for bot_id in self.bot_ids
            for day in days
        }
        for row in rows:
            if row["date"] < exact_from:
                row.update(truth.get(key_of(ANALYTICS, row), {}))
        return differences(ANALYTICS, rows, truth)

    def _parents(self, bot_ids: list[int]) -> Rows:
        items = [item for bot_id in bot_ids for item in self.world.conversations(bot_id)]
        keys = [(item["botId"], item["sessionId"]) for item in items]
        flags = {key: self.world.is_flagged(*key) if self.with_flags else None for key in keys}
        return {
            key: conversation_row(item) | {"guardrail_flagged": flags[key]}
            for key, item in zip(keys, items, strict=True)
        }

    def _children(self, bot_ids: list[int]) -> Rows:
        items = [item for bot_id in bot_ids for item in self.world.conversations(bot_id)]
        return {
            (item["botId"], item["sessionId"], index): message_row(item, index)
            for item in items
            for index in range(len(item["messages"] or ()))
        }


@contextmanager
def copied(original: Bench, folder: Path) -> Iterator[Bench]:
    """A bench with copies of the files of `original`; its API gets its data back afterwards."""
    bots = copy.deepcopy(original.world.bots)
    shutil.copytree(original.folder, folder)
    yield replace(original, folder=folder)
    original.world.bots = bots


@contextmanager
def bench(folder: Path, world: World, **given: Any) -> Iterator[Bench]:
    """A bench for all bots of `world`, with a sandbox that serves it."""
    with Sandbox(world) as api:
        yield Bench(api, folder, **{"bot_ids": sorted(world.bots)} | given)


def differences(table: Table, found: list[Row], truth: Rows) -> list[str]:
    """A line for each row that is missing, extra, duplicate or different."""
    keys = [key_of(table, row) for row in found]
    lines = [f"{table.name} {key} is double" for key in set(keys) if keys.count(key) > 1]
    lines += [f"{table.name} {key} is missing" for key in truth.keys() - set(keys)]
    lines += [f"{table.name} {key} should not be there" for key in set(keys) - truth.keys()]
    for key, row in zip(keys, found, strict=True):
        for name in [each for each in (SYNCED_AT, VERSION, LOAD_ID) if each in table.columns]:
            if row.pop(name.name, None) is None:
                lines.append(f"{table.name} {key} has no {name.name}")
        expected = truth.get(key, row)
        lines += [
            f"{table.name} {key} {name}: {row.get(name)!r}, not {expected.get(name)!r}"
            for name in {**row, **expected}
            if row.get(name) != expected.get(name)
        ]
    return lines


def key_of(table: Table, row: Row) -> tuple[Any, ...]:
    """The key of a row; of a message, with its index."""
    names = [*table.keys, "message_index"] if table is MESSAGES else table.keys
    return tuple(row[name] for name in names)


def stored(database: Path, table: Table) -> list[Row]:
    """All rows of a table; instants as aware datetimes, JSON as values."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(f"SELECT * FROM {DATASET}.{table.name}")
        names = found.columns
        rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    assert set(names) == {column.name for column in table.columns}
    jsons = [column.name for column in table.columns if column.data_type == "json"]
    return [{name: _value(name, value, jsons) for name, value in row.items()} for row in rows]


def _value(name: str, value: Any, jsons: list[str]) -> Any:
    if name in jsons and value is not None:
        return json.loads(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def conversation_row(item: Row) -> Row:
    """The row that a well-formed conversation of the sandbox must become."""
    summary = item["summary"] or {}
    return {
        "bot_id": item["botId"],
        "session_id": item["sessionId"],
        "company_id": item["companyId"],
        "created_at": item["createdAt"],
        "last_activity": item["lastActivity"],
        "channel": item["channel"],
        "resolution_status": item["resolutionStatus"],
        "human_takeover": item["humanTakeover"],
        "helpful": item["helpful"],
        "feedback_comment": item["feedbackComment"],
        "summary": item["summary"],
        "summary__sentiment": summary.get("sentiment"),
        "summary__resolution_status": summary.get("resolution_status"),
        "user_form": item["userForm"],
        "contact__ip_address": item["contact"]["ipAddress"],
        "contact__phone_number": item["contact"]["phoneNumber"],
        "message_count": len(item["messages"]),
        "extra": None,
    }


def message_row(item: Row, index: int) -> Row:
    """The row that a message of the sandbox must become."""
    message = item["messages"][index]
    return {
        "bot_id": item["botId"],
        "session_id": item["sessionId"],
        "message_index": index,
        "id": message["id"],
        "created_at": message["createdAt"],
        "role": message["role"],
        "content": message["content"],
        "extra": None,
        "_deleted": None,
    }


def _analytics_row(world: World, bot_id: int, day: date) -> Row:
    """The row of one day over all channels; `is_final` by the default lookback."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    bot = world.bots[bot_id]
    return totals_row(bot, start, start + 86_400_000_000) | {
        "date": day,
        "timezone": "UTC",
        "is_final": day < days_ago(7),
    }


def totals_row(bot: Bot, start: int, end: int) -> Row:
    """The columns of any row of analytics over all channels, of `start` until before `end`.

    Both are microseconds since 1970.
    """
    totals = totals_of(bot.between("created", start, end), bot.is_voice)
    row = {
        f"{group}__{snake_case(name)}": value
        for group in ("conversations", "resolutions", "usage")
        for name, value in totals[group].items()
    }
    return row | {
        "bot_id": bot.id,
        "channel": "all",
        "company_id": str(bot.id),
        "agent_id": str(bot.id),
        "is_voice_bot": totals["isVoiceBot"],
        "voice": totals["voice"],
        "extra": None,
    }
