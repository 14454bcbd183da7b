"""The /analytics endpoint: totals of the conversations of a range, by the configured definition."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from chatislav_source.sandbox.api.definitions import apply_definitions, restated
from chatislav_source.sandbox.api.requests import AnalyticsQuery
from chatislav_source.sandbox.rendering.bad_records import too_deep_analytics
from chatislav_source.sandbox.rendering.extra_fields import analytics_with_extra_fields
from chatislav_source.sandbox.rendering.json_bytes import json_bytes
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.bot import Bot, DateField
from chatislav_source.sandbox.world.records import (
    COMMENTED,
    DAY,
    GUARDRAIL,
    LEAD_COLLECTED,
    RATED_HELPFUL,
    SECOND,
    STARTER_QUESTION,
    TOOL_ASSISTED,
    Record,
    Row,
)

VOICE_MINUTE_CREDITS = 1.5


def answer(query: AnalyticsQuery, bot: Bot, settings: Settings) -> bytes:
    """The JSON body with the totals; the caller must hold the lock of the world."""
    ways = (settings.analytics_date, settings.analytics_messages, settings.analytics_resolutions)
    key = (query, *ways)
    totals = bot.cached(key)
    if totals is None:
        totals = totals_of(_records(query, bot, settings.analytics_date), bot.is_voice)
        apply_definitions(totals, query, bot, settings)
        bot.keep(key, totals)
    more = settings.analytics_restated.items()
    totals = restated(totals, sum(n for day, n in more if query.first <= day <= query.last))
    envelope = _echo(query, settings)
    number = query.start // DAY
    envelope["analytics"] = analytics_with_extra_fields(totals, settings.extra_fields, number)
    body = json_bytes(envelope)
    return too_deep_analytics(body) if envelope["from"] in settings.bad_analytics else body


def totals_of(records: Sequence[Record], is_voice: bool) -> Row:
    """The `analytics` object for these conversations; credits are computed from message counts."""
    return {
        "isVoiceBot": is_voice,
        "conversations": _conversations(records),
        "resolutions": _resolutions(records),
        "usage": _usage(records),
        "voice": _voice(records) if is_voice else None,
    }


def _records(query: AnalyticsQuery, bot: Bot, date: DateField) -> list[Record]:
    counted = bot.between(date, query.start, query.end)
    if query.channel == "all":
        return counted
    return [record for record in counted if record.channel == query.channel]


def _echo(query: AnalyticsQuery, settings: Settings) -> Row:
    wrong = settings.analytics_echo_wrong
    return {
        "schema": "chatislav_v1",
        "botId": query.bot_id + 1 if wrong == "bot_id" else query.bot_id,
        "companyId": str(query.bot_id),
        "agentId": str(query.bot_id),
        "from": "1999-12-31" if wrong == "from" else query.first,
        "to": "1999-12-31" if wrong == "to" else query.last,
    }


def _conversations(records: Sequence[Record]) -> Row:
    contacts = {record.contact for record in records}
    returning = sum(contact % 3 == 0 for contact in contacts)
    leads = {record.contact for record in records if record.flags & LEAD_COLLECTED}
    total = len(records)
    messages = sum(record.messages for record in records)
    return {
        "total": total,
        "uniqueContacts": len(contacts),
        "newUsers": len(contacts) - returning,
        "returningUsers": returning,
        "leadCollectedUsers": len(leads),
        "totalMessages": messages,
        "assistantMessages": sum(record.assistant_messages for record in records),
        "userMessages": sum(record.user_messages for record in records),
        "starterQuestionTurns": _count(records, STARTER_QUESTION),
        "humanTakeovers": sum(record.takeover for record in records),
        "avgMessagesPerConversation": _number(messages / total) if total else 0,
        "medianDurationSeconds": _number(median(map(_seconds, records))) if total else 0,
        "toolAssistedConversations": _count(records, TOOL_ASSISTED),
        "guardrailInterventions": _count(records, GUARDRAIL),
        "feedbackComments": _count(records, COMMENTED),
    }


def _resolutions(records: Sequence[Record]) -> Row:
    resolved = [record for record in records if record.resolution == "resolved"]
    confirmed = _count(resolved, RATED_HELPFUL)
    unresolved = sum(record.resolution == "unresolved" for record in records)
    return {
        "confirmed": confirmed,
        "assumed": len(resolved) - confirmed,
        "unresolved": unresolved,
        "unclear": len(records) - len(resolved) - unresolved,
    }


def _usage(records: Sequence[Record]) -> Row:
    answers = sum(record.assistant_messages for record in records)
    credits_by_feature = {
        "mainLlm": answers * 0.75,
        "agentRouter": answers * 0.1,
        "agentInnerLoop": _count(records, TOOL_ASSISTED) * 0.4,
        "guardrails": len(records) * 0.05,
        "conversationSummary": len(records) * 0.2,
        "followupQuestions": 0,
        "starterQuestions": _count(records, STARTER_QUESTION) * 0.25,
        "promptAssistant": 0,
        "imageFeatures": 0,
        "other": answers * 0.01,
    }
    features = {name: _number(amount) for name, amount in credits_by_feature.items()}
    total = _number(sum(credits_by_feature.values()))
    return {"totalCredits": total, "messagesWithCreditUsage": answers, **features}


def _voice(records: Sequence[Record]) -> Row:
    minutes = sum(map(_seconds, records)) / 60
    return {
        "conversations": {"total": len(records), "totalMinutes": _number(minutes)},
        "credits": {"total": _number(minutes * VOICE_MINUTE_CREDITS)},
    }


def _count(records: Sequence[Record], flag: int) -> int:
    return sum(1 for record in records if record.flags & flag)


def _seconds(record: Record) -> float:
    return max(0, record.activity - record.created) / SECOND


def _number(value: float) -> Any:
    """A number in the form of the API: two decimals, none if it is whole."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded
