"""Responses of the API as documented, and helpers that make their rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.tolerant_rows import (
    DayTotals,
    analytics_rows,
    page_rows,
    session_id_of,
    version_of,
)

READ_AT = datetime(2026, 6, 24, 12, tzinfo=UTC)
DOCUMENTED = {
    "sessionId": "0c7c7f87-2b62-4f20-9f8d-9a8f6a6f7a11",
    "botId": 123,
    "companyId": "123",
    "createdAt": "2026-06-23T10:15:00",
    "lastActivity": "2026-06-23T10:17:20",
    "channel": "widget",
    "resolutionStatus": "resolved",
    "humanTakeover": False,
    "helpful": 1,
    "feedbackComment": "Helpful answer",
    "summary": {"sentiment": "positive", "resolution_status": "resolved"},
    "userForm": [],
    "contact": {"ipAddress": "203.0.113.10", "phoneNumber": None},
    "messages": [
        {
            "id": "f2df1bb8-884b-4412-b058-57a3b64bd232",
            "createdAt": "2026-06-23T10:15:00",
            "role": "user",
            "content": "Hi, can you help?",
        }
    ],
}
DOCUMENTED_DAY: dict[str, Any] = {
    "schema": "chatislav_v1",
    "botId": 123,
    "companyId": "123",
    "agentId": "124",
    "from": "2026-06-01",
    "to": "2026-06-01",
    "analytics": {
        "isVoiceBot": False,
        "conversations": {
            "total": 25,
            "uniqueContacts": 18,
            "newUsers": 12,
            "returningUsers": 6,
            "leadCollectedUsers": 4,
            "totalMessages": 80,
            "assistantMessages": 41,
            "userMessages": 39,
            "starterQuestionTurns": 3,
            "humanTakeovers": 1,
            "avgMessagesPerConversation": 3.2,
            "medianDurationSeconds": 120,
            "toolAssistedConversations": 5,
            "guardrailInterventions": 0,
            "feedbackComments": 2,
        },
        "resolutions": {"confirmed": 10, "assumed": 8, "unresolved": 3, "unclear": 4},
        "usage": {
            "totalCredits": 42.5,
            "messagesWithCreditUsage": 40,
            "mainLlm": 30,
            "agentRouter": 4,
            "agentInnerLoop": 3,
            "guardrails": 2,
            "conversationSummary": 1,
            "followupQuestions": 0,
            "starterQuestions": 0.5,
            "promptAssistant": 0,
            "imageFeatures": 0,
            "other": 2,
        },
        "voice": None,
    },
}
OWN_DAY = {
    "bot_id": 123,
    "date": date(2026, 6, 1),
    "channel": "all",
    "timezone": "UTC",
    "is_final": True,
    "_version": "0123456789abcdef",
}


def rows_of(*items: dict[str, Any], zone: Any = UTC) -> RecordBatch:
    """The rows of conversations of bot 123."""
    ids = [session_id_of(item) or "" for item in items]
    versions = [version_of(item, zone) for item in items]
    return page_rows(items, ids, versions, 123, zone, READ_AT)


def conversation(**fields: Any) -> dict[str, Any]:
    """The row of one conversation."""
    rows = rows_of({"sessionId": "s"} | fields)
    return rows.conversations.to_pylist()[0]


def messages(value: Any) -> list[dict[str, Any]]:
    """The rows of a conversation's messages."""
    return rows_of({"sessionId": "s", "messages": value}).messages.to_pylist()


def day(response: dict[str, Any]) -> dict[str, Any]:
    """The row of an analytics response."""
    return analytics_rows([DayTotals(response, OWN_DAY, READ_AT)]).to_pylist()[0]


def extra(row: dict[str, Any]) -> Any:
    """The value in `extra`."""
    return json.loads(row["extra"] or "null")
