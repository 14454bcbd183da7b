"""Mutations, faults, crashes and syncs in any order, compared with the sandbox's data."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from chatislav_source import ChatislavError
from chatislav_source.sandbox import Sandbox, World
from tests.exactness.model import seeded
from tests.exactness.stories import FAULTS, SyncStory, tell
from tests.exactness.truth import TODAY, Bench, days_ago

ANYTIME = ("new_message", "new_conversation")  # these change `lastActivity`, so any sync loads them
RECENT = (
    "resolution",
    "summary",
    "rating",
    "messages",
    "guardrail",
)  # these do not: loaded in the lookback


class Story(SyncStory):
    """One bot, one warehouse, one pipeline."""

    @initialize(
        seed=st.integers(0, 10**6),
        token=st.sampled_from(("offset", "keyset", "snapshot")),
        order=st.sampled_from(("newest_activity", "oldest_activity", "shuffled")),
        with_flags=st.booleans(),
    )
    def begin(self, seed: int, token: str, order: str, with_flags: bool) -> None:
        self.random = seeded(seed)
        world = World.generate((101,), conversations=24, days=10, last_day=TODAY, seed=seed)
        self.api = Sandbox(world).start()
        self.api.configure(page_token=token, page_order=order)
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.bench = Bench(self.api, folder, [101], days_ago(12), with_flags=with_flags)

    @rule(kind=st.sampled_from(ANYTIME), count=st.integers(1, 3))
    def people_chat(self, kind: str, count: int) -> None:
        for _ in range(count):
            self.bench.world.mutate(kind, self.random, 101)

    @rule(kind=st.sampled_from(RECENT))
    def a_recent_conversation_changes(self, kind: str) -> None:
        recent = [row for row in self.bench.world.conversations(101) if is_recent(row)]
        if not recent:
            return
        row = self.random.choice(recent)
        if kind == "guardrail":
            self.bench.world.flag(101, row["sessionId"])
            return
        choices: dict[str, dict[str, Any]] = {
            "resolution": {"resolutionStatus": self.random.choice(("resolved", "unresolved"))},
            "summary": {"summary": {"sentiment": self.random.choice(("positive", "negative"))}},
            "rating": {"helpful": self.random.choice((0, 1))},
            "messages": {"messages": row["messages"][:-1]},
        }
        self.bench.world.change(101, row["sessionId"], **choices[kind])

    @rule(kind=st.sampled_from(FAULTS), share=st.sampled_from((0.2, 0.6)), busy=st.booleans())
    def a_sync_with_faults(self, kind: str, share: float, busy: bool) -> None:
        churn = {"new_message": 0.2} if busy else {}
        self.api.configure(faults={kind: share}, retry_after_seconds=0.0, churn=churn)
        with suppress(ChatislavError):
            self.bench.sync()
        self.api.configure(faults={}, churn={})

    @rule()
    def a_backfill(self) -> None:
        self.bench.sync(end_date=TODAY)


def is_recent(row: dict[str, Any]) -> bool:
    """Whether it is in every lookback, and has a message that can be removed."""
    dates = (row["createdAt"].date(), row["lastActivity"].date())
    return min(dates) >= days_ago(1) and bool(row["messages"])


@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("short_waits", "small_pages")
@pytest.mark.slow
def test_whatever_happens_in_whatever_order_the_tables_are_exact_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(monkeypatch, Story, stories=5, steps=8)
