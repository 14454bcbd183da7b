"""A record that cannot be loaded, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC

from chatislav_source.records.json_decoder import Row
from chatislav_source.records.rejected.page_text import MAX_NESTING
from chatislav_source.records.schema import row_version

NO_OBJECT = "it is not an object"
NO_SESSION_ID = "it has no sessionId"
OTHER_BOT = "it is of another bot"
TOO_DEEP = f"it is nested more than {MAX_NESTING} levels deep"
NOT_UTF8 = "its text is not UTF-8"
NOT_JSON = "it is not JSON"


@dataclass(frozen=True)
class Unreadable:
    """Stands on a page for a record that cannot be decoded, and has what its text tells."""

    text: str = field(repr=False)  # personal data
    reason: str
    fields: Row = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RejectedRecord:
    """A record that cannot be loaded; `raw` is JSON text that warehouses can store.

    `key` has those columns of the table that tell which record it is. `version` differs if the
    record or the reason does.
    """

    rejected_id: str
    reason: str
    raw: str = field(repr=False)  # personal data
    key: Row = field(repr=False)

    @property
    def version(self) -> str:
        """The `_version` of its row."""
        return row_version(f"{self.reason}\n{self.raw}".encode(), UTC)
