"""What a scheduler shows of a run of one bot: rows by table, delay, and the comparison. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chatislav_source import SyncReport


def rows_by_table(report: SyncReport) -> dict[str, int]:
    """The rows that a run wrote, by table."""
    conversations, analytics = report.resources
    return {
        "conversations": conversations.rows,
        "conversations__messages": conversations.messages,
        "analytics": analytics.rows,
    }


def summary(report: SyncReport, now: datetime) -> dict[str, Any]:
    """The summary as JSON values: `behind_seconds` is from `loaded_up_to` to `now`, both UTC.

    Both are None before the first run that is complete; `verified` is None without a comparison.
    """
    loaded_up_to = report.resources[0].state["watermark"]
    behind = now - datetime.fromisoformat(loaded_up_to) if loaded_up_to else None
    return {
        "rows": rows_by_table(report),
        "loaded_up_to": loaded_up_to,
        "behind_seconds": behind and int(behind.total_seconds()),
        "verified": verified(report),
        "requests": report.total("requests"),
        "seconds": round(report.seconds, 1),
    }


def verified(report: SyncReport) -> dict[str, Any] | None:
    """What the comparison with the API's totals found: yesterday in words, and days by kind."""
    if report.verification is None:
        return None
    (bot,) = report.verification["bots"] or [{}]
    kinds = ("equal", "settling", "unproven", "differs")
    return {
        "yesterday": report.verification["yesterday"]["text"],
        **{kind: bot.get(kind, 0) for kind in kinds},
    }
