"""The rows of the table `rejected` that a run writes and removes.

A record is written when it is first seen, and when it has changed since; it is removed when a good
version of it is read. In one load package each row is changed once: a later change waits for the
next package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from chatislav_source.records.columns import microseconds
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.records.rejected.identity import ids_of_good
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import DELETED, VERSION

Key = tuple[int, str]
"""Bot and `rejected_id`."""

WARNING = (
    "Bot {bot_id}: {records} could not be loaded, and {are} in the table rejected ({reasons}). "
    "A later good version takes a record out of it again."
)


@dataclass(frozen=True)
class StoredRecord:
    """A row of the table; `created_at` is the start of its conversation, None if not known."""

    version: str
    first_seen_at: datetime
    created_at: datetime | None


@dataclass(frozen=True)
class SeenRecord:
    """A rejected record, and when the response that has it was read."""

    record: RejectedRecord
    read_at: datetime


class RejectedRecords:
    """Follows what the table holds during a run; `start` says what it holds at first.

    `sealed` makes the `_version` of a row of that of its record.
    """

    def __init__(self, sealed: Callable[[str], str] = str) -> None:
        self._sealed = sealed
        self._stored: dict[int, dict[str, StoredRecord]] = {}
        self._starts: dict[int, dict[str, int | None]] = {}  # also of records that were removed
        self._in_package: set[Key] = set()
        self._changes: dict[Key, SeenRecord | None] = {}  # None: a good version was read
        self._reasons: dict[Key, str] = {}  # of the records that this run saw

    def start(self, bot_id: int, stored: Mapping[str, StoredRecord]) -> None:
        """Note what the table holds of a bot."""
        self._stored[bot_id] = dict(stored)
        self._starts[bot_id] = {each: _microseconds(stored[each].created_at) for each in stored}

    @property
    def is_empty(self) -> bool:
        """Whether no change waits for the next package."""
        return not self._changes

    def counts(self) -> dict[int, int]:
        """By bot, the records that this run saw and could not load."""
        return Counter(bot_id for bot_id, _ in self._reasons)

    def warnings(self) -> list[str]:
        """One warning per bot that has such records; with no text of theirs."""
        return [_warning(bot_id, self._reasons_of(bot_id)) for bot_id in sorted(self.counts())]

    def _reasons_of(self, bot_id: int) -> list[str]:
        return [reason for (bot, _), reason in self._reasons.items() if bot == bot_id]

    def begin_package(self) -> None:
        """Begin a load package, which may change every row once."""
        self._in_package = set()

    def note_good(self, bot_id: int, batch: RecordBatch) -> None:
        """Note that the conversations of `batch`, all of `bot_id`, can be loaded."""
        starts = self._starts[bot_id]
        for rejected_id in ids_of_good(batch, starts) if starts else ():
            self.note_repaired(bot_id, rejected_id)

    def note_repaired(self, bot_id: int, rejected_id: str) -> None:
        """Note that a good version of a record was read."""
        self._changes[bot_id, rejected_id] = None
        self._reasons.pop((bot_id, rejected_id), None)

    def note_rejected(
        self, bot_id: int, records: Sequence[RejectedRecord], read_at: datetime
    ) -> None:
        """Note records of a response that cannot be loaded."""
        for record in records:
            self._changes[bot_id, record.rejected_id] = SeenRecord(record, read_at)
            self._reasons[bot_id, record.rejected_id] = record.reason
            created_at = record.key.get("created_at")
            self._starts[bot_id][record.rejected_id] = _microseconds(created_at)

    def rows(self) -> pa.Table:
        """The rows to merge; those with `_deleted` are removed."""
        rows: list[dict[str, Any]] = []
        later: dict[Key, SeenRecord | None] = {}
        for key, seen in self._changes.items():
            if not self._is_change(key, seen):
                continue
            if key in self._in_package:
                later[key] = seen
                continue
            self._in_package.add(key)
            rows.append(self._row(key, seen))
        self._changes = later
        return pa.Table.from_pylist(rows, schema=REJECTED.arrow_schema)

    def _is_change(self, key: Key, seen: SeenRecord | None) -> bool:
        stored = self._stored[key[0]].get(key[1])
        if seen is None or stored is None:
            return seen is not None or stored is not None
        return self._sealed(seen.record.version) != stored.version

    def _row(self, key: Key, seen: SeenRecord | None) -> dict[str, Any]:
        bot_id, rejected_id = key
        own: dict[str, Any] = {"bot_id": bot_id, "rejected_id": rejected_id}
        stored = self._stored[bot_id].pop(rejected_id, None)
        if seen is None:
            return own | {DELETED: True}
        record = seen.record
        first_seen_at = stored.first_seen_at if stored else seen.read_at
        created_at = record.key.get("created_at")
        version = self._sealed(record.version)
        self._stored[bot_id][rejected_id] = StoredRecord(version, first_seen_at, created_at)
        return {
            **own,
            **record.key,
            "reason": record.reason,
            "raw": record.raw,
            "first_seen_at": _aware(first_seen_at),
            "seen_at": seen.read_at,
            VERSION.name: version,
        }


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _aware(moment: datetime) -> datetime:
    """A stored instant with its zone, which some clients leave out."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _warning(bot_id: int, reasons: Sequence[str]) -> str:
    count = len(reasons)
    return WARNING.format(
        bot_id=bot_id,
        records=f"{count} record{'s' * (count != 1)}",
        are="are" if count != 1 else "is",
        reasons="; ".join(f"{number}: {reason}" for reason, number in Counter(reasons).items()),
    )
