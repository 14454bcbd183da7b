"""The schema of the table `rejected`, which is made when it has a first row."""

from __future__ import annotations

from chatislav_source.records.history.table import HISTORY_TABLES
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.schema import (
    DELETED,
    LOAD_ID,
    MESSAGES,
    TABLES,
    VERSION,
    Column,
    Table,
)

REJECTED = Table(
    "rejected",
    "Records of the API that could not be loaded, each once; a later good version takes one out.",
    (
        Column("bot_id", "bigint", "AI agent whose data was requested.", key=True),
        Column("rejected_id", "text", "Digest of what tells the record from others.", key=True),
        Column("resource", "text", "conversations or analytics."),
        Column("session_id", "text", "Conversation, if the record tells it."),
        Column("created_at", "timestamp", "Its start, UTC, if the record tells it."),
        Column("date", "date", "First day of the analytics. Null for conversations."),
        Column("period", "text", "Period of the analytics. Null for a day and for conversations."),
        Column("channel", "text", "Channel of the analytics. Null for conversations."),
        Column("timezone", "text", "IANA zone of the analytics. Null for conversations."),
        Column("reason", "text", "Why it could not be loaded."),
        Column(
            "raw",
            "json",
            "The record as sent; as one text if it cannot be read. Personal data.",
            personal=True,
        ),
        Column("first_seen_at", "timestamp", "When the record was first found so, UTC."),
        Column("seen_at", "timestamp", "When this version of it was first read, UTC."),
        VERSION,
        LOAD_ID,
        *(column for column in MESSAGES.columns if column.name == DELETED),
    ),
)

ALL_TABLES = (*TABLES, ANALYTICS_PERIODS, *HISTORY_TABLES, REJECTED)
