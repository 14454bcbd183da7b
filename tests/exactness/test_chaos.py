"""Faults of folder, warehouse and clock, at random between syncs, crashes and changes."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from chatislav_source import ChatislavError
from chatislav_source.sandbox import Sandbox, World
from tests.exactness import cache_faults as faults
from tests.exactness.cache_faults import DAMAGES, DLT_TABLES, FILES, TABLES, CachedBench
from tests.exactness.model import seeded
from tests.exactness.stories import FAULTS, SyncStory, tell
from tests.exactness.truth import TODAY, days_ago

DAYS = 9
CURRENT, OTHER = "current", "other"


class Chaos(SyncStory):
    """One bot; two warehouses and two machines, used in turn; backups of the one in use.

    Rows are deleted only if the warehouse has counted them: it cannot know what was lost while its
    first sync waits to be resumed.
    """

    @initialize(seed=st.integers(0, 10**6), date_filter=st.sampled_from(("activity", "created")))
    def begin(self, seed: int, date_filter: str) -> None:
        self.random = seeded(seed)
        world = World.generate((101,), conversations=24, days=DAYS, last_day=TODAY, seed=seed)
        self.api = Sandbox(world).start()
        self.api.configure(date_filter=date_filter, page_order="oldest_activity")
        self.folder = tempfile.TemporaryDirectory()
        self.bench = CachedBench(self.api, Path(self.folder.name), [101], days_ago(DAYS))
        self.backups: list[bool] = []  # whether the rows in each were counted
        self.is_counted = {CURRENT: False, OTHER: False}
        self.check()

    @rule(count=st.integers(1, 3))
    def people_chat(self, count: int) -> None:
        for _ in range(count):
            self.bench.world.add_conversation(101)
            recent = self.bench.world.conversations(101)[-1]
            self.bench.world.change(101, recent["sessionId"], resolutionStatus="resolved")

    @rule(kind=st.sampled_from(FAULTS))
    def a_sync_with_faults(self, kind: str) -> None:
        self.api.configure(faults={kind: 0.6}, retry_after_seconds=0.0)
        with suppress(ChatislavError):
            self.bench.sync()
        self.api.configure(faults={})

    @rule()
    def the_warehouse_is_backed_up(self) -> None:
        faults.back_up(self.bench, str(len(self.backups)))
        self.backups.append(self.is_counted[CURRENT])

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def the_warehouse_is_restored(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.backups) - 1))
        faults.restore(self.bench, str(number))
        self.is_counted[CURRENT] = self.backups[number]

    @rule(table=st.sampled_from((*TABLES, *DLT_TABLES)))
    def a_table_is_dropped(self, table: str) -> None:
        faults.drop_table(self.bench, table)
        self.is_counted[CURRENT] = False

    @precondition(lambda self: self.is_counted[CURRENT])
    @rule(table=st.sampled_from(TABLES), inside=st.booleans(), share=st.integers(1, 5))
    def rows_are_deleted(self, table: str, inside: bool, share: int) -> None:
        faults.delete_rows(self.bench, table, inside, share)
        self.is_counted[CURRENT] = False

    @precondition(lambda self: self.is_counted[CURRENT])
    @rule(table=st.sampled_from(DLT_TABLES))
    def a_table_of_dlt_is_emptied(self, table: str) -> None:
        faults.empty_table(self.bench, table)
        self.is_counted[CURRENT] = False

    @rule()
    def the_other_warehouse_is_used(self) -> None:
        faults.swap(self.bench.database, self.bench.folder / "other.duckdb")
        counted = self.is_counted
        self.is_counted = {CURRENT: counted[OTHER], OTHER: counted[CURRENT]}
        self.bench.sync()  # so that it has tables

    @rule()
    def the_other_machine_is_used(self) -> None:
        own, other = self.bench.folder / "pipelines", self.bench.folder / "other_machine"
        if not other.exists():
            faults.copy_all(own, other)
        faults.swap(own, other)

    @rule(file=st.sampled_from(sorted(FILES)), how=st.sampled_from(sorted(DAMAGES)))
    def a_file_is_damaged(self, file: str, how: str) -> None:
        faults.damage(self.bench, file, how)

    @rule(
        under=st.sampled_from(("", "load", "normalize", "schemas")),
        how=st.sampled_from(("is empty", "is cut", "is deleted")),
    )
    def many_files_are_damaged(self, under: str, how: str) -> None:
        faults.damage_every_file(self.bench, under, how)

    @rule()
    def the_folder_is_lost(self) -> None:
        shutil.rmtree(self.bench.folder / "pipelines", ignore_errors=True)

    @rule(days=st.sampled_from((0.05, 1, 4)))
    def the_clock_is_set_back_for_a_while(self, days: float) -> None:
        self.is_counted[CURRENT] = False
        with faults.clock_set_back(timedelta(days=days)):
            assert self.bench.sync().complete
        assert self.bench.differences() == []

    def check(self) -> None:
        super().check()
        self.is_counted[CURRENT] = True


@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("short_waits", "small_pages")
@pytest.mark.slow
def test_whatever_happens_between_two_runs_the_next_quiet_sync_is_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(monkeypatch, Chaos, stories=4, steps=10)
