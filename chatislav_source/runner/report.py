"""The report of a run: rows, requests, ranges, states and errors, per bot and resource."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from chatislav_source.config import DEFAULT_HISTORY_DAYS, SyncConfig
from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.records.schema import CONVERSATIONS
from chatislav_source.streams.conversations import state as conversations
from chatislav_source.streams.date_window import utc_text


@dataclass
class ResourceReport:
    """The report of one bot and one resource.

    `rows` counts rows written to the resource's table, `messages` to its child table, `periods` to
    `analytics_periods`, `unchanged` rows that the tables already hold, `rejected` records of the
    API that could not be loaded; `requests` counts every try, `retries` those after the first.
    `first_day` and `last_day` are the range to read, both included (`last_day` None: until now).
    """

    bot_id: int
    resource: str
    first_day: str | None = None
    last_day: str | None = None
    rows: int = 0
    messages: int = 0
    periods: int = 0
    unchanged: int = 0
    rejected: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0
    replaced_characters: int = 0
    complete: bool = False
    error: str | None = None
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def loaded_up_to(self) -> datetime | None:
        """For conversations, the start (UTC) of the last sync that is complete; None without."""
        return conversations.loaded_up_to(self.state)

    def count(self, page: AnyPage) -> None:
        """Count the requests of a page, and keep its checkpoint."""
        self.state = page.checkpoint
        if page.item is not None:
            self.pages += 1
            self.count_requests(page.item.tries)
            self.replaced_characters += page.item.replaced_characters
        else:
            self.count_requests(page.failed_requests)

    def count_requests(self, tries: int) -> None:
        """Count the tries of one request; 0 if it was not sent."""
        self.requests += tries
        self.retries += max(0, tries - 1)

    def end(self, done: bool, error: BaseException | None, state: dict[str, Any]) -> None:
        """Record the outcome of the resource; `state` is used only if no page had a checkpoint."""
        self.complete = done
        self.error = str(error) if error else None
        self.state = self.state or state


Reports = dict[tuple[str, int], ResourceReport]
"""By resource and bot."""


DEFAULT_START = (
    "Days before {first_day} are not loaded (bot {bots}): without a start date, the first load "
    "goes back {days} days. `chatislav sync --start-date 2025-01-01` loads more; once is enough."
)


CLAMPED = (
    "start_date {start_date} is before {kept_from}, the first day that retention_days {days} "
    "keeps, so loading of conversations begins at {kept_from}. Analytics have totals only, and "
    "are loaded from the start date on."
)


def start_notes(
    config: SyncConfig, cut_by_default: list[int], streams: Collection[str]
) -> list[str]:
    """What to say of the first day: of bots cut by the default, and of `retention_days`."""
    notes = []
    if cut_by_default:
        bots = ", ".join(map(str, cut_by_default))
        notes.append(
            DEFAULT_START.format(bots=bots, first_day=config.start_date, days=DEFAULT_HISTORY_DAYS)
        )
    return [*notes, *(retention_notes(config) if CONVERSATIONS.name in streams else ())]


def retention_notes(config: SyncConfig) -> list[str]:
    """What to say of a given start date before the days that `retention_days` keeps."""
    kept_from = config.kept_from
    if kept_from is None or not config.start_date_given or config.start_date >= kept_from:
        return []
    return [
        CLAMPED.format(
            start_date=config.start_date, kept_from=kept_from, days=config.retention_days
        )
    ]


@dataclass
class SyncReport:
    """What `sync` did; instants are UTC, `seconds` wall time.

    `warnings` need a decision of the user; `notes` only say what a default decided.
    `verification` is the result of `verify=True` as JSON values, None without it.
    """

    started_at: datetime
    seconds: float = 0.0
    loads: int = 0
    load_ids: list[str] = field(default_factory=list)
    resources: list[ResourceReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verification: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether all resources are loaded completely."""
        return all(part.complete for part in self.resources)

    @property
    def differing_days(self) -> int:
        """Days that differ from the API's totals; 0 without a verification."""
        bots = self.verification["bots"] if self.verification else []
        return sum(int(bot["differs"]) for bot in bots)

    @property
    def errors(self) -> list[str]:
        """The resources that could not be loaded, and why."""
        return [f"Bot {p.bot_id} {p.resource}: {p.error}" for p in self.resources if p.error]

    def total(self, name: str) -> int:
        """The sum of a count over all bots and resources."""
        return sum(getattr(part, name) for part in self.resources)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "complete": self.complete,
            "started_at": utc_text(self.started_at),
            "seconds": round(self.seconds, 3),
            "loads": self.loads,
            "resources": [asdict(part) for part in self.resources],
            "warnings": self.warnings,
            "notes": self.notes,
            "verification": self.verification,
            "errors": self.errors,
        }
