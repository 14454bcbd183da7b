"""Other ways to count a day, which the documentation leaves open.

Messages by the day they were sent, resolutions from the summary, and totals that were restated.
"""

from __future__ import annotations

from chatislav_source.sandbox.api.requests import AnalyticsQuery
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.bot import Bot
from chatislav_source.sandbox.world.generator import row_of
from chatislav_source.sandbox.world.records import RATED_HELPFUL, Record, Row, instant_in


def apply_definitions(totals: Row, query: AnalyticsQuery, bot: Bot, settings: Settings) -> None:
    """Count anew in `totals` what `settings` count in another way than by default."""
    if settings.analytics_messages == "sent":
        totals["conversations"] |= _messages_sent(query, bot)
    if settings.analytics_resolutions == "summary":
        records = bot.between(settings.analytics_date, query.start, query.end)
        counted = [r for r in records if query.channel in ("all", r.channel)]
        totals["resolutions"] = _resolutions_of_summaries(counted, bot.id)


def restated(totals: Row, more: int) -> Row:
    """The totals with `more` conversations; `totals` is not changed."""
    conversations = totals["conversations"]
    return totals | {"conversations": conversations | {"total": conversations["total"] + more}}


def _messages_sent(query: AnalyticsQuery, bot: Bot) -> Row:
    roles = [
        message.get("role")
        for record in bot.records.values()
        if query.channel in ("all", record.channel) and record.created < query.end
        for message in row_of(record, bot.id)["messages"] or ()
        if query.start <= (instant_in(message.get("createdAt")) or 0) < query.end
    ]
    return {
        "totalMessages": len(roles),
        "assistantMessages": roles.count("assistant"),
        "userMessages": roles.count("user"),
    }


def _resolutions_of_summaries(records: list[Record], bot_id: int) -> Row:
    rows = [(record, row_of(record, bot_id)["summary"] or {}) for record in records]
    resolved = [r for r, summary in rows if summary.get("resolution_status") == "resolved"]
    unresolved = sum(summary.get("resolution_status") == "unresolved" for _, summary in rows)
    confirmed = sum(1 for record in resolved if record.flags & RATED_HELPFUL)
    return {
        "confirmed": confirmed,
        "assumed": len(resolved) - confirmed,
        "unresolved": unresolved,
        "unclear": len(records) - len(resolved) - unresolved,
    }
