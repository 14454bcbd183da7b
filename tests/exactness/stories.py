"""What the random stories of syncs share: crashes, quiet syncs, and how many stories are told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import dlt
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from chatislav_source import ChatislavError
from chatislav_source.sandbox import Sandbox
from tests.exactness.truth import Bench, days_ago

FAULTS = ("500", "reset", "truncated", "wrong_shape", "html_200")
STEPS = ("extract", "normalize", "load")


class CrashError(BaseException):
    """Simulates the end of the process."""


class SyncStory(RuleBasedStateMachine):
    """Syncs of one bot that may crash; a quiet one must be exact, at last the one at the end."""

    api: Sandbox
    folder: tempfile.TemporaryDirectory[str]
    bench: Bench

    @rule(step=st.sampled_from(STEPS), late=st.booleans(), number=st.integers(1, 3))
    def a_sync_that_crashes(self, step: str, late: bool, number: int) -> None:
        with crashing(step, late, number), suppress(CrashError, ChatislavError):
            self.bench.sync()

    @rule()
    def a_quiet_sync(self) -> None:
        self.check()

    def check(self) -> None:
        report = self.bench.sync()
        assert report.errors == []
        assert self.bench.differences() == []
        assert self.bench.analytics_differences(days_ago(7)) == []

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        try:
            self.check()
        finally:
            self.api.stop()
            self.folder.cleanup()


@contextmanager
def crashing(step: str, late: bool, number: int) -> Iterator[None]:
    """Crash at the start or end of a step, when it runs for the n-th time."""
    original = getattr(dlt.Pipeline, step)
    calls = []

    def crash(*args: Any, **kwargs: Any) -> Any:
        calls.append(step)
        if len(calls) < number:
            return original(*args, **kwargs)
        if late:
            original(*args, **kwargs)
        raise CrashError

    with patch.object(dlt.Pipeline, step, crash):
        yield


def tell(
    monkeypatch: pytest.MonkeyPatch, machine: type[SyncStory], stories: int, steps: int
) -> None:
    """Run so many stories of at most so many steps, with small load packages that append."""
    monkeypatch.setattr("chatislav_source.extract.load_limit.PACKAGE_BYTES", 20_000)
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", 10)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
