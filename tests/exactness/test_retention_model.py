"""`retention_days` against a model of the API: after each sync the tables hold what is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatislav_source.config import LOOKBACK_DAYS, SyncConfig
from chatislav_source.runner.conversations.change_filter import ChangeFilter
from chatislav_source.runner.erasure.aged import start_of
from chatislav_source.runner.erasure.left_out import LeftOut
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.partition import ConversationsPartition
from tests.exactness.model import START, ModelApi, seeded
from tests.exactness.warehouse import Disturbance, Warehouse, run_sync

pytestmark = pytest.mark.usefixtures("small_pages")

RETENTIONS = (None, 1, 4, 12, 25, 45)


class KeepingWarehouse(Warehouse):
    """A warehouse from which a sync deletes what is not kept, as the runner does."""

    retention_days: int | None = None

    def config(self) -> SyncConfig:
        return replace(super().config(), retention_days=self.retention_days)

    def begin(self) -> tuple[ConversationsPartition, ChangeFilter]:
        partition, changes = super().begin()
        config = self.config()
        self.left_out = LeftOut(None, config.kept_from)
        if config.kept_from and self.aged(config.kept_from):
            partition.state = state.expiring(partition.state, config.kept_from)
        return partition, changes

    def delete_aged(self) -> None:
        """What follows a sync."""
        for session_id in self.aged(self.config().kept_from):
            for rows in (self.comments, self.messages, self.versions, self.created, self.active):
                rows.pop(session_id, None)

    def kept_differences(self) -> list[str]:
        """What is missing, stale or not kept."""
        kept_from = self.config().kept_from
        start = start_of(kept_from or date.min)
        wanted = {name for name, row in self.api.world.items() if row.activity >= start}
        lines = [line for line in self.differences() if any(name in line for name in wanted)]
        return lines + [f"{name} is still there" for name in self.comments.keys() - wanted]


steps = st.lists(
    st.fixed_dictionaries(
        {
            "days": st.integers(0, 15),
            "changes": st.integers(0, 6),
            "retention": st.sampled_from(RETENTIONS),
            "killed_after": st.sampled_from((None, None, 5, 20)),
        }
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    date_filter=st.sampled_from(("activity", "created")),
    steps=steps,
)
def test_as_time_passes_and_the_setting_changes_each_sync_leaves_exactly_what_is_kept(
    seed: int, date_filter: str, steps: list[dict[str, Any]]
) -> None:
    random = seeded(seed)
    api = ModelApi(random, date_filter=date_filter)
    warehouse = KeepingWarehouse(api, (START - timedelta(days=61)).date())
    live(api, random, START - timedelta(days=60), START, 40)
    for step in steps:
        live(api, random, api.now, api.now + timedelta(days=step["days"]), step["changes"])
        warehouse.retention_days = step["retention"]
        if step["killed_after"]:
            run_sync(warehouse, random, Disturbance(killed_after=step["killed_after"]))
        assert run_sync(warehouse, random, Disturbance())
        warehouse.delete_aged()
        if step["killed_after"] is None:
            assert warehouse.kept_differences() == []
    before, loaded = api.requests, dict(warehouse.versions)
    assert run_sync(warehouse, random, Disturbance())
    warehouse.delete_aged()

    assert warehouse.kept_differences() == []
    if steps[-1]["killed_after"] is None:
        assert warehouse.versions == loaded
        assert api.requests - before < 60


def live(api: ModelApi, random: Random, first: datetime, last: datetime, changes: int) -> None:
    """Conversations that begin, and messages in older ones that a sync is to notice."""
    seconds = int((last - first).total_seconds())
    for second in sorted(random.randrange(seconds + 1) for _ in range(changes)):
        api.now = first + timedelta(seconds=second)
        noticed = api.now - timedelta(days=LOOKBACK_DAYS - 16)  # a sync is at most 15 days later
        old = [
            row
            for row in api.world.values()
            if api.date_filter == "activity" or row.created >= noticed
        ]
        if old and random.random() < 0.4:
            api.touch(random.choice(old))
        else:
            api.add(api.now)
    api.now = last
