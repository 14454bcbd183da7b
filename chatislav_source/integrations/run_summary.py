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

    Both are as in `chatislav status`, and None before the first run that is complete. There is no
    `verified` without a comparison.
    """
    loaded_up_to = report.resources[0].loaded_up_to
    found: dict[str, Any] = {
        "rows": rows_by_table(report),
        "loaded_up_to": loaded_up_to and f"{loaded_up_to:%Y-%m-%dT%H:%M:%SZ}",
        "behind_seconds": loaded_up_to and max(0, int((now - loaded_up_to).total_seconds())),
        "requests": report.total("requests"),
        "seconds": round(report.seconds, 1),
    }
    if report.verification is not None:
        found["verified"] = verified(report.verification)
    return found


def verified(verification: dict[str, Any]) -> dict[str, Any]:
    """What the comparison with the API's totals found: yesterday in words, and days by kind."""
    (bot,) = verification["bots"] or [{}]
    kinds = ("equal", "settling", "unproven", "differs")
    return {
        "yesterday": verification["yesterday"]["text"],
        **{kind: bot.get(kind, 0) for kind in kinds},
    }
