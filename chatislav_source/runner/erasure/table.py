"""The table `forgotten`: who was erased, as keyed hashes, and the load that writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import dlt
from dlt.common.schema.typing import TWriteDispositionConfig
from dlt.extract import DltSource

from chatislav_source.destinations.defaults import SCHEMA as OF_SYNCS
from chatislav_source.destinations.merging.hints import column_hints
from chatislav_source.privacy.erasure import EVERY_BOT, SESSION
from chatislav_source.records.schema import CONVERSATIONS, Column, Table

SCHEMA = "chatislav_privacy"
"""A schema of its own: the table must outlive a reload of the source, which drops its tables."""

MERGE: TWriteDispositionConfig = {
    "disposition": "merge",
    "strategy": "delete-insert",
    "deduplicated": True,
}
"""As each key is there once; dlt's statement that looks for doubles brings a warning on SQLite."""

FORGOTTEN = Table(
    "forgotten",
    "Persons and conversations that were erased, as keyed hashes; no sync loads them again.",
    (
        Column("value_hash", "text", "Keyed hash of the value that was erased.", key=True),
        Column("bot_id", "bigint", "AI agent of a conversation; 0: of all.", key=True),
        Column("kind", "text", "session_id, phone, email or ip."),
        Column("forgotten_at", "timestamp", "When it was first erased or left out, UTC."),
        Column("first_day", "date", "Day a conversation began, UTC. Null for persons."),
        Column("last_day", "date", "Day of its last activity, UTC. Null for persons."),
        Column("conversations", "bigint", "Conversations that were deleted or left out."),
        Column("messages", "bigint", "Messages that were deleted or left out."),
        Column("rejected", "bigint", "Rows of the table rejected that were deleted."),
    ),
)


@dataclass(frozen=True)
class Forgotten:
    """A row of the table `forgotten`; the days are of a conversation, and in UTC."""

    value_hash: str
    bot_id: int
    kind: str
    forgotten_at: datetime
    first_day: date | None = None
    last_day: date | None = None
    conversations: int = 0
    messages: int = 0
    rejected: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """The primary key."""
        return self.value_hash, self.bot_id

    @property
    def is_conversation(self) -> bool:
        """Whether the row is of one conversation of one bot."""
        return self.kind == SESSION and self.bot_id != EVERY_BOT


def instant_of(value: datetime | str) -> datetime:
    """A stored instant in UTC; some clients leave the zone out, and that of SQLite gives text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


COLUMNS = tuple(column.name for column in FORGOTTEN.columns)


def with_stored(row: Forgotten, stored: Forgotten | None) -> Forgotten:
    """The row with what is stored of it: the first time, and the greatest numbers.

    An interrupted erasure finds fewer rows when it is repeated.
    """
    if stored is None:
        return row
    return Forgotten(
        row.value_hash,
        row.bot_id,
        row.kind,
        stored.forgotten_at,
        min(filter(None, (row.first_day, stored.first_day)), default=None),
        max(filter(None, (row.last_day, stored.last_day)), default=None),
        max(row.conversations, stored.conversations),
        max(row.messages, stored.messages),
        max(row.rejected, stored.rejected),
    )


def forgotten_source(rows: Iterable[Forgotten], recounted: Sequence[int] = ()) -> DltSource:
    """A dlt source whose load merges rows into the table `forgotten`.

    The same load makes the next sync of the `recounted` bots count their rows anew: it would take
    deleted rows for lost ones, and read all days again.
    """
    items = [asdict(row) for row in rows]

    @dlt.source(name=SCHEMA, section=OF_SYNCS, max_table_nesting=0)
    def chatislav_privacy() -> Any:
        return dlt.resource(
            forgotten,
            name=FORGOTTEN.name,
            write_disposition=MERGE,
            primary_key=FORGOTTEN.keys,
            columns=[column_hints(column) for column in FORGOTTEN.columns],
        )

    def forgotten() -> Iterator[Any]:
        if recounted:
            _count_anew(dlt.current.source_state(OF_SYNCS), recounted)
        yield items

    source = chatislav_privacy()
    source.resources[FORGOTTEN.name].apply_hints(
        additional_table_hints={"description": FORGOTTEN.description}
    )
    return source


def _count_anew(source_state: dict[str, Any], bot_ids: Sequence[int]) -> None:
    bots = source_state.get("resources", {}).get(CONVERSATIONS.name, {}).get("bots", {})
    for bot_id in bot_ids:
        if str(bot_id) in bots:
            bots[str(bot_id)]["settled"] = None
