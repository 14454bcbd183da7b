"""The tables of conversations and of their messages."""

from __future__ import annotations

from dataclasses import replace

from chatislav_source.records.schema.table import (
    BOT_ID,
    EXTRA,
    LOAD_ID,
    SESSION_ID,
    SYNCED_AT,
    VERSION,
    Column,
    Table,
)

DELETED = "_deleted"
"""Marks the row that deletes a conversation's messages; the merge does not store it."""

GUARDRAIL_FLAGGED = Column(
    "guardrail_flagged",
    "bool",
    "It has guardrail events, as of when this row was read. Null if that was not asked.",
)
"""From a second listing, not from the response that has the rest of the row."""

CONVERSATIONS = Table(
    "conversations",
    "Conversations of the AI agents, each once, in its newest version.",
    (
        BOT_ID,
        SESSION_ID,
        Column("company_id", "text", "Workspace, as the API writes it.", ("companyId",)),
        Column("created_at", "timestamp", "Start of the conversation, UTC.", ("createdAt",)),
        Column("last_activity", "timestamp", "Last change the API knows, UTC.", ("lastActivity",)),
        Column("channel", "text", "widget, whatsapp, viber, instagram, ...", ("channel",)),
        Column(
            "resolution_status",
            "text",
            "resolved or unresolved; may come late.",
            ("resolutionStatus",),
        ),
        Column("human_takeover", "bool", "A person took over from the agent.", ("humanTakeover",)),
        Column(
            "helpful",
            "bigint",
            "The contact's rating; 1 is helpful, other values are not documented. Null: none.",
            ("helpful",),
        ),
        Column(
            "feedback_comment",
            "text",
            "The contact's own words.",
            ("feedbackComment",),
            personal=True,
        ),
        Column(
            "summary", "json", "Summary of the conversation, as sent.", ("summary",), personal=True
        ),
        Column("summary__sentiment", "text", "Sentiment in summary.", ("summary", "sentiment")),
        Column(
            "summary__resolution_status",
            "text",
            "Resolution in summary; it may differ from resolution_status.",
            ("summary", "resolution_status"),
        ),
        Column("user_form", "json", "The contact's form, as sent.", ("userForm",), personal=True),
        Column(
            "contact__ip_address", "text", "Personal data.", ("contact", "ipAddress"), personal=True
        ),
        Column(
            "contact__phone_number",
            "text",
            "Personal data. Null where the channel has none.",
            ("contact", "phoneNumber"),
            personal=True,
        ),
        Column(
            "message_count",
            "bigint",
            "Messages in the newest response. Null if the API did not send them (unknown).",
        ),
        GUARDRAIL_FLAGGED,
        EXTRA,
        SYNCED_AT,
        VERSION,
        LOAD_ID,
    ),
)

MESSAGES = Table(
    "conversations__messages",
    "Messages of the conversations; a conversation's messages are replaced as a set.",
    (
        # messages have no ids of bot and conversation: the conversation has
        replace(BOT_ID, json_path=None),
        replace(SESSION_ID, json_path=None),
        Column("message_index", "bigint", "Place in the API's list, from 0."),
        Column("id", "text", "The message's id.", ("id",)),
        Column("created_at", "timestamp", "When it was sent, UTC.", ("createdAt",)),
        Column("role", "text", "Who wrote it: user, assistant, ...", ("role",)),
        Column("content", "text", "The words. Personal data.", ("content",), personal=True),
        EXTRA,
        SYNCED_AT,
        LOAD_ID,
        Column(DELETED, "bool", "Bookkeeping of the merge: always null in stored rows."),
    ),
)

MESSAGE_KEYS = (*MESSAGES.keys, "message_index")
"""Names of the columns that identify a message; `MESSAGES.keys` are those of its conversation."""
