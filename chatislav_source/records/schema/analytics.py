"""The table of daily totals."""

from __future__ import annotations

from dataclasses import replace

from chatislav_source.records.schema.table import (
    BOT_ID,
    EXTRA,
    LOAD_ID,
    SYNCED_AT,
    VERSION,
    Column,
    DataType,
    Table,
)

CONVERSATION_METRICS = {
    "total": "Conversations of the day.",
    "uniqueContacts": "Contacts of the day. Does not add up over days or channels.",
    "newUsers": "Users seen for the first time.",
    "returningUsers": "Users seen before. Does not add up over days.",
    "leadCollectedUsers": "Users who left their contact data. Does not add up over days.",
    "totalMessages": "Messages.",
    "assistantMessages": "Messages of the agent.",
    "userMessages": "Messages of users.",
    "starterQuestionTurns": "Turns that began with a starter question.",
    "humanTakeovers": "Conversations a person took over.",
    "avgMessagesPerConversation": "Average; does not add up over days.",
    "medianDurationSeconds": "Median length in seconds; does not add up over days.",
    "toolAssistedConversations": "Conversations in which the agent used a tool.",
    "guardrailInterventions": "Interventions of guardrails.",
    "feedbackComments": "Comments left by contacts.",
}
RESOLUTION_METRICS = {
    "confirmed": "Resolutions the contact confirmed.",
    "assumed": "Resolutions that are assumed.",
    "unresolved": "Conversations not resolved.",
    "unclear": "Conversations whose resolution is unclear.",
}
USAGE_METRICS = {
    "totalCredits": "Credits used.",
    "messagesWithCreditUsage": "Messages that used credits.",
    "mainLlm": "Credits of the main model.",
    "agentRouter": "Credits of the agent router.",
    "agentInnerLoop": "Credits of the agent's inner loop.",
    "guardrails": "Credits of guardrails.",
    "conversationSummary": "Credits of conversation summaries.",
    "followupQuestions": "Credits of follow-up questions.",
    "starterQuestions": "Credits of starter questions.",
    "promptAssistant": "Credits of the prompt assistant.",
    "imageFeatures": "Credits of image features.",
    "other": "Other credits.",
}


def snake_case(name: str) -> str:
    """The column name of a camelCase field."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _metrics(
    group: str, metrics: dict[str, str], data_type: DataType, others: DataType, odd: set[str]
) -> list[Column]:
    return [
        Column(
            f"{group}__{snake_case(name)}",
            others if name in odd else data_type,
            description,
            ("analytics", group, name),
        )
        for name, description in metrics.items()
    ]


ANALYTICS = Table(
    "analytics",
    "Totals of one agent, one day and one channel.",
    (
        BOT_ID,
        Column("date", "date", "The day, in the zone of `timezone`.", key=True),
        Column("channel", "text", "`all`, or the one channel that is counted.", key=True),
        Column("timezone", "text", "IANA zone the day is counted in.", key=True),
        Column("company_id", "text", "Workspace, as the API writes it.", ("companyId",)),
        Column("agent_id", "text", "The agent, as the API writes it.", ("agentId",)),
        Column("is_voice_bot", "bool", "The agent speaks.", ("analytics", "isVoiceBot")),
        *_metrics(
            "conversations",
            CONVERSATION_METRICS,
            "bigint",
            "double",
            {"avgMessagesPerConversation", "medianDurationSeconds"},
        ),
        *_metrics("resolutions", RESOLUTION_METRICS, "bigint", "bigint", set()),
        *_metrics("usage", USAGE_METRICS, "double", "bigint", {"messagesWithCreditUsage"}),
        Column(
            "voice",
            "json",
            "Voice totals and credits, as sent. Null for text agents.",
            ("analytics", "voice"),
        ),
        replace(EXTRA, personal=False),
        Column(
            "is_final",
            "bool",
            "The day has ended in `timezone` and the lookback has passed: it is not read again.",
        ),
        SYNCED_AT,
        VERSION,
        LOAD_ID,
    ),
)
