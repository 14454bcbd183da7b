"""The schema: every table and column, with type, unit and description, for dlt and Arrow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Literal

import pyarrow as pa

JsonPath = tuple[str, ...]
"""Field names that lead to a value in a JSON object of the API."""

DataType = Literal["bigint", "text", "timestamp", "bool", "json", "double", "date"]

DELETED = "_deleted"
"""Marks the row that deletes a conversation's messages; the merge does not store it."""

ARROW_TYPES: dict[DataType, pa.DataType] = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "bool": pa.bool_(),
    "json": pa.string(),
    "double": pa.float64(),
    "date": pa.date32(),
}

EXACT_IN_DOUBLE = 2**53  # integers beyond it lose digits in a double


@dataclass(frozen=True)
class Column:
    """A column; `json_path` is the path of its value in the API's object, None if it has none.

    A path that extends that of a JSON column is a copy of a part of it. `personal`: of a person.
    """

    name: str
    data_type: DataType
    description: str
    json_path: JsonPath | None = None
    key: bool = False
    personal: bool = False


@dataclass(frozen=True)
class Table:
    """A table; `description` says what one row is, and `columns` are in order."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema; json columns are JSON text, timestamps are UTC microseconds."""
        return pa.schema(
            [pa.field(c.name, ARROW_TYPES[c.data_type], not c.key) for c in self.columns]
        )

    @property
    def json_paths(self) -> dict[JsonPath, Column]:
        """The columns with a value in the API's object, by its path, in the table's order."""
        return {column.json_path: column for column in self.columns if column.json_path}

    def is_part_of_json(self, path: JsonPath) -> bool:
        """Whether the value at `path` is also part of a JSON column."""
        outer = [self.json_paths.get(path[:depth]) for depth in range(1, len(path))]
        return any(column is not None and column.data_type == "json" for column in outer)

    @property
    def keys(self) -> list[str]:
        """Names of the columns that identify a row, or for messages their conversation."""
        return [column.name for column in self.columns if column.key]


BOT_ID = Column("bot_id", "bigint", "AI agent the row belongs to.", ("botId",), key=True)
SESSION_ID = Column("session_id", "text", "Conversation, unique per bot.", ("sessionId",), key=True)
EXTRA = Column(
    "extra",
    "json",
    "Fields the API sent that have no column, or whose value does not fit its type, by the API's "
    "own names. Null if none.",
    personal=True,
)
SYNCED_AT = Column("synced_at", "timestamp", "When this version of the row was read, UTC.")
VERSION = Column(
    *("_version", "text"),
    "Digest of what the row was made from, 16 hex digits; a conversation's covers its messages. "
    "Under privacy settings, 8 more digits tell which.",
)
LOAD_ID = Column("_dlt_load_id", "text", "The load that wrote this row, see `_dlt_loads`.")

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

TABLES = (CONVERSATIONS, MESSAGES, ANALYTICS)
"""The tables that every load makes; `rejected.table` has another one."""

COERCION_VERSION = 1
"""Raise it when a change of code converts the same value to another value of its column."""


def version_of(*tables: Table) -> bytes:
    """Sixteen bytes that differ if the same response would become other rows."""
    columns = [(t.name, c.name, c.data_type, c.json_path) for t in tables for c in t.columns]
    return _digest(repr((COERCION_VERSION, columns)).encode())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


SCHEMA_VERSION = version_of(*TABLES)


def row_version(content: bytes, zone: tzinfo) -> str:
    """The `_version` of a row made from `content`, whose times without offset are in `zone`.

    Another schema or zone makes other rows of the same content, and so another version.
    """
    key = SCHEMA_VERSION if zone is UTC else _digest(SCHEMA_VERSION + str(zone).encode())
    return hashlib.blake2b(content, digest_size=8, key=key).hexdigest()
