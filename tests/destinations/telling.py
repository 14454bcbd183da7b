"""Runs the story in a warehouse: the loads, and the rows after each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.load.load import Load

from chatislav_source import chatislav, sync
from chatislav_source.records.schema import TABLES, Table
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from . import story
from .warehouses import Row, Warehouse

CHAPTERS = ("first load", "changes", "interrupted loads")


class KilledError(BaseException):
    """Simulates the end of the process; no code catches it."""


@dataclass
class Told:
    """A warehouse with its actual and expected rows after each load."""

    warehouse: Warehouse
    pipeline: dlt.Pipeline
    began_at: datetime
    found: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    truth: dict[str, dict[str, story.Rows]] = field(default_factory=dict)

    def note(self, chapter: str, world: World) -> None:
        """Record the rows of every table."""
        self.truth[chapter] = story.truth(world)
        self.found[chapter] = {
            table.name: self.warehouse.rows(self.pipeline, table.name) for table in TABLES
        }

    def columns(self, table: Table) -> dict[str, Any]:
        """The columns of a table as dlt reads them from the warehouse."""
        with self.pipeline.destination_client() as client:
            return dict(client.get_storage_table(table.name)[1])  # type: ignore[attr-defined]


def tell(warehouse: Warehouse, folder: Path) -> Told:
    """Run the story with a new sandbox."""
    with Sandbox(story.first_world()) as api, pytest.MonkeyPatch.context() as patch:
        for name, value in warehouse.settings:
            patch.setenv(name, value)
        # every page begins with the row that the one before ended with
        api.configure(short_pages=True, overlapping_pages=True, timestamps="microseconds")
        return _told(warehouse, folder, api)


def _told(warehouse: Warehouse, folder: Path, api: Sandbox) -> Told:
    """A plain run, a sync of changes, and two syncs that are killed and repeated."""
    dataset = warehouse.new_dataset()

    def pipeline() -> dlt.Pipeline:
        return warehouse.pipeline(folder, dataset)

    arguments: Any = {
        "bot_ids": list(story.BOTS),
        "api_key": SANDBOX_KEY,
        "base_url": api.base_url,
        "start_date": story.FIRST_DAY.isoformat(),
        "guardrail_flags": True,
    }
    told = Told(warehouse, pipeline(), datetime.now(UTC))
    told.pipeline.run(chatislav(**arguments))
    told.note("first load", api.world)
    story.change(api.world)
    sync(pipeline(), **arguments)
    told.note("changes", api.world)
    for moment, change in story.INTERRUPTED.items():
        change(api.world)
        with killed_at(moment), pytest.raises(KilledError):
            sync(pipeline(), **arguments)
        sync(pipeline(), **arguments)
    told.note("interrupted loads", api.world)
    return told


@contextmanager
def killed_at(moment: str) -> Iterator[None]:
    """End the process after staging, or after the merge and before its completion."""

    def end(*_: Any, **__: Any) -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Load, moment, end)
        yield
