"""The status of each bot: time of the last complete sync, delay, rows and last error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import dlt
import pendulum
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, TABLES
from chatislav_source.runner.checkpoint import keep_to_destination
from chatislav_source.streams.date_window import utc_instant
from chatislav_source.streams.state import State


@dataclass(frozen=True)
class BotStatus:
    """One bot. `loaded_up_to` (UTC) is the start of the last complete sync, None if there is none.

    `behind_seconds` is the time since then. `under_way` is true if a sync was interrupted.
    """

    bot_id: int
    loaded_up_to: str | None
    behind_seconds: int | None
    last_activity: str | None
    date_filter: str
    under_way: bool
    conversations: int
    messages: int
    analytics_days: int
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON values."""
        return asdict(self)


def statuses(pipeline: dlt.Pipeline, now: datetime) -> list[BotStatus]:
    """The status of every bot in the pipeline's state, by id; does not change the destination."""
    keep_to_destination(pipeline)
    pipeline.sync_destination()
    resources = pipeline.state.get("sources", {}).get("chatislav", {}).get("resources", {})
    conversations = resources.get(CONVERSATIONS.name, {}).get("bots", {})
    analytics = resources.get(ANALYTICS.name, {}).get("bots", {})
    counts = {table.name: _counts(pipeline, table.name) for table in TABLES}
    return [
        _status(int(bot), conversations.get(bot) or {}, analytics.get(bot) or {}, counts, now)
        for bot in sorted({*conversations, *analytics}, key=int)
    ]


def _counts(pipeline: dlt.Pipeline, table: str) -> dict[int, int]:
    """The number of rows by bot; empty if the table does not exist."""
    with pipeline.sql_client() as client:
        name = client.make_qualified_table_name(table)
        try:
            rows = client.execute_sql(f"SELECT bot_id, COUNT(*) FROM {name} GROUP BY bot_id")  # noqa: S608 - no input
        except DatabaseUndefinedRelation:
            return {}
    return {int(bot_id): int(count) for bot_id, count in rows or []}


def _status(
    bot_id: int,
    conversations: State,
    analytics: State,
    counts: dict[str, dict[int, int]],
    now: datetime,
) -> BotStatus:
    watermark = conversations.get("watermark")
    return BotStatus(
        bot_id=bot_id,
        loaded_up_to=watermark,
        behind_seconds=_seconds_since(utc_instant(watermark), now) if watermark else None,
        last_activity=conversations.get("last_activity"),
        date_filter=conversations.get("date_filter") or "unknown",
        under_way=bool(conversations.get("progress") or conversations.get("backfill")),
        conversations=counts[CONVERSATIONS.name].get(bot_id, 0),
        messages=counts[MESSAGES.name].get(bot_id, 0),
        analytics_days=counts[ANALYTICS.name].get(bot_id, 0),
        error=conversations.get("error") or analytics.get("error"),
    )


def _seconds_since(instant: datetime, now: datetime) -> int:
    return pendulum.instance(instant).diff(pendulum.instance(now), abs=False).in_seconds()
