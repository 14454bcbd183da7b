"""The schema: every table and column, with type, unit and description, for dlt and Arrow."""

from chatislav_source.records.schema.analytics import ANALYTICS, snake_case
from chatislav_source.records.schema.conversations import (
    CONVERSATIONS,
    DELETED,
    GUARDRAIL_FLAGGED,
    MESSAGE_KEYS,
    MESSAGES,
)
from chatislav_source.records.schema.table import (
    ARROW_TYPES,
    BOT_ID,
    EXACT_IN_DOUBLE,
    EXTRA,
    LOAD_ID,
    SESSION_ID,
    SYNCED_AT,
    VERSION,
    Column,
    DataType,
    JsonPath,
    Table,
)
from chatislav_source.records.schema.version import (
    SCHEMA_VERSION,
    TABLES,
    flagged_version,
    row_version,
    version_of,
)

__all__ = [
    "ANALYTICS",
    "ARROW_TYPES",
    "BOT_ID",
    "CONVERSATIONS",
    "DELETED",
    "EXACT_IN_DOUBLE",
    "EXTRA",
    "GUARDRAIL_FLAGGED",
    "LOAD_ID",
    "MESSAGES",
    "MESSAGE_KEYS",
    "SCHEMA_VERSION",
    "SESSION_ID",
    "SYNCED_AT",
    "TABLES",
    "VERSION",
    "Column",
    "DataType",
    "JsonPath",
    "Table",
    "flagged_version",
    "row_version",
    "snake_case",
    "version_of",
]
