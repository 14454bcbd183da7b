"""The report of a run: rows, requests, ranges, states and errors, per bot and resource."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.streams.date_window import utc_text


@dataclass
class ResourceReport:
    """The report of one bot and one resource.

    `rows` counts rows written to the resource's table, `messages` to its child table, `unchanged`
    rows that the tables already hold, `rejected` records of the API that could not be loaded;
    `requests` counts every try, `retries` those after the first.
    `first_day` and `last_day` are the range to read, both included (`last_day` None: until now).
    """

    bot_id: int
    resource: str
    first_day: str | None = None
    last_day: str | None = None
    rows: int = 0
    messages: int = 0
    unchanged: int = 0
    rejected: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0
    replaced_characters: int = 0
    complete: bool = False
    error: str | None = None
    state: dict[str, Any] = field(default_factory=dict)

    def count(self, page: AnyPage) -> None:
        """Count the requests of a page, and keep its checkpoint."""
        self.state = page.checkpoint
        if page.item is not None:
            self.pages += 1
            self.requests += page.item.tries
            self.retries += page.item.tries - 1
            self.replaced_characters += page.item.replaced_characters
        elif page.failed_requests:
            self.requests += page.failed_requests
            self.retries += page.failed_requests - 1

    def end(self, done: bool, error: BaseException | None, state: dict[str, Any]) -> None:
        """Record the outcome of the resource; `state` is used only if no page had a checkpoint."""
        self.complete = done
        self.error = str(error) if error else None
        self.state = self.state or state


Reports = dict[tuple[str, int], ResourceReport]
"""By resource and bot."""


@dataclass
class SyncReport:
    """What `sync` did; instants are UTC, `seconds` wall time."""

    started_at: datetime
    seconds: float = 0.0
    loads: int = 0
    load_ids: list[str] = field(default_factory=list)
    resources: list[ResourceReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all resources are loaded completely."""
        return all(part.complete for part in self.resources)

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
            "errors": self.errors,
        }
