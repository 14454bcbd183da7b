"""Which rows `retention_days` does not keep: in batches, and in the tables as SQL. Pure.

A conversation is aged if its last activity, or its start if it has none, is before the first day
that is kept. One without either stays, as nothing tells its age. Both forms of the rule must agree:
else each sync would load rows again that it then deletes.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, tzinfo

from chatislav_source.records.columns import instant, json_text, microseconds
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.record_batch import RecordBatch, kept_rows
from chatislav_source.records.rejected.page_text import told

IS_AGED = "COALESCE(last_activity, created_at) < %s"
"""Of a row of `conversations`; its parameter is the start of the first day that is kept."""

AGED_BOTS = f"SELECT DISTINCT bot_id FROM {{conversations}} WHERE {IS_AGED}"  # noqa: S608 - no input
"""The bots with aged conversations."""

COUNT_WITHOUT_AGED = """
SELECT COUNT(*), MAX(_dlt_load_id), 0 FROM {conversations}
WHERE bot_id = %s AND created_at < %s AND COALESCE(last_activity, created_at) >= %s
UNION ALL
SELECT 0, NULL, COUNT(*) FROM {messages} WHERE bot_id = %s AND created_at < %s
  AND session_id IN (SELECT session_id FROM {conversations}
    WHERE bot_id = %s AND COALESCE(last_activity, created_at) >= %s)
"""
"""What the tables will hold of settled days once the aged rows are deleted."""


def start_of(day: date) -> datetime:
    """The start of a day in UTC."""
    return datetime.combine(day, time(), UTC)


def without_aged(batch: RecordBatch, kept_from: date) -> RecordBatch:
    """The rows of `batch` that are kept."""
    oldest = microseconds(start_of(kept_from))
    times = (
        created if active is None else active
        for created, active in zip(batch.created, batch.active, strict=True)
    )
    keep = [moment is None or moment >= oldest for moment in times]
    return batch if all(keep) else kept_rows(batch, keep)


def is_aged_record(raw: object, kept_from: date, zone: tzinfo, seen_at: datetime | None) -> bool:
    """Whether a record that cannot be loaded is aged.

    `raw` is the record or its JSON text; times in it without an offset are of `zone`. If it tells
    no time, that of `seen_at` counts, when this version of it was first read; None: it is kept.
    """
    text = raw if isinstance(raw, str) else json_text(raw) or ""
    if text.startswith('"'):  # it could not be decoded, so it was stored as one text
        with suppress(ValueError):
            text = str(decode(text.encode())[0])
    record = text.encode("utf-8", "replace")
    moments = (instant(told(record, name), zone) for name in ("lastActivity", "createdAt"))
    found = next((each for each in moments if isinstance(each, datetime)), seen_at)
    return found is not None and found < start_of(kept_from)
