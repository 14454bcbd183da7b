"""The version of a row, which differs if the same response would become another row."""

from __future__ import annotations

from datetime import UTC, tzinfo

from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from chatislav_source.records.schema.analytics import ANALYTICS
from chatislav_source.records.schema.conversations import (
    CONVERSATIONS,
    GUARDRAIL_FLAGGED,
    MESSAGES,
)
from chatislav_source.records.schema.table import Table

TABLES = (CONVERSATIONS, MESSAGES, ANALYTICS)
"""The tables that every load makes; `rejected.table` has another one."""

COERCION_VERSION = 1
"""Raise it when a change of code converts the same value to another value of its column."""


def version_of(*tables: Table) -> int:
    """A number of 64 bits that differs if the same response would become other rows."""
    columns = [
        (t.name, c.name, c.data_type, c.json_path)
        for t in tables
        for c in t.columns
        if c is not GUARDRAIL_FLAGGED  # it is not made of the response; see `flagged_version`
    ]
    return xxh3_64_intdigest(repr((COERCION_VERSION, columns)).encode())


SCHEMA_VERSION = version_of(*TABLES)


def row_version(content: bytes, zone: tzinfo) -> str:
    """The `_version` of a row made from `content`, whose times without offset are in `zone`.

    Another schema or zone makes other rows of the same content, and so another version. The digest
    hides nothing; where it has to, `Policy` makes a keyed one of it.
    """
    seed = SCHEMA_VERSION if zone is UTC else xxh3_64_intdigest(str(zone).encode(), SCHEMA_VERSION)
    return xxh3_64_hexdigest(content, seed)


def flagged_version(version: str, flag: bool | None) -> str:
    """The `_version` of a row with this `guardrail_flagged`, of what it is without one.

    The row changes with its flag, although the response does not. None leaves the version as it is.
    """
    return version if flag is None else xxh3_64_hexdigest(version.encode(), int(flag))
