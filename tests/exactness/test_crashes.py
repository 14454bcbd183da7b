"""kill -9 at any moment, any number of times: the next undisturbed sync makes the tables exact."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES, TABLES
from chatislav_source.sandbox import RequestRecord, World
from tests.default_suite import mostly_slow
from tests.exactness.model import seeded
from tests.exactness.originals import (
    BOT,
    ODD_BOT,
    PHONE,
    PSEUDONYMOUS,
    found_in,
    personal,
    planted,
)
from tests.exactness.test_periods import found_differences
from tests.exactness.truth import TODAY, Bench, bench, days_ago, stored

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
DELETIONS = "DELETE"  # the events of `killable` that are statements
REPEATED_PER_KILL = 16  # requests: a load package and the pages fetched ahead


@dataclass
class Killable:
    """The process that syncs; see `killable.py`."""

    process: subprocess.Popen[str]
    bench: Bench
    given: dict[str, Any] = field(default_factory=dict)

    def attempt(
        self, dies_at: int = 0, dies_on: str = "", phone: str | None = None, **given: Any
    ) -> int:
        """One sync that dies at this event (0: never) on such a path; its exit status.

        With a `phone` it is erased instead.
        """
        given = {
            "start_date": str(self.bench.start_date),
            "max_concurrency": 4,
            **self.given,
            **given,
        }
        arguments = self.bench.arguments(**given)
        order: dict[str, Any] = {"phone": phone} if phone else {}
        order |= {
            "folder": str(self.bench.folder),
            "arguments": arguments,
            "dies_at": dies_at,
            "dies_on": dies_on,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        return int(self.process.stdout.readline())

    @property
    def deaths(self) -> list[str]:
        """The events at which it was killed so far."""
        return (self.bench.folder / "killed_at.txt").read_text().splitlines()


@contextmanager
def killable(folder: Path, world: World, with_flags: bool = False) -> Iterator[Killable]:
    """A process that syncs `world` into a new folder; with flags, every third row has one."""
    for bot_id in world.bots if with_flags else ():
        for row in world.conversations(bot_id)[::3]:
            world.flag(bot_id, row["sessionId"])
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (
        bench(folder, world, start_date=days_ago(20), with_flags=with_flags) as made,
        subprocess.Popen(
            [sys.executable, "-m", "tests.exactness.killable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        ) as process,
    ):
        yield Killable(process, made)
        process.stdin.close() if process.stdin else None


def made_world(seed: int) -> World:
    return World.generate((101, 102), conversations=90, days=20, last_day=TODAY, seed=seed)


KILLS = 16


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "settings", "folder_is_lost"),
    [
        pytest.param(1, {}, False, id="still"),
        pytest.param(
            2,
            {"churn": {"new_message": 0.2, "new_conversation": 0.1}},
            False,
            id="busy, with flags",
        ),
        pytest.param(3, {"date_filter": "created"}, True, id="folder lost"),
        pytest.param(
            4,
            {"churn": {"new_message": 0.2}, "page_order": "oldest_activity"},
            True,
            id="busy and folder lost, with flags",
        ),
    ],
)
def test_after_kills_at_random_moments_one_undisturbed_sync_is_exact(
    tmp_path: Path, seed: int, settings: dict[str, Any], folder_is_lost: bool
) -> None:
    random = seeded(seed)
    is_busy = "churn" in settings
    with killable(tmp_path / "story", made_world(seed), with_flags=is_busy) as process:
        process.bench.api.configure(latency_seconds=0.002, **settings)
        killed = 0
        while killed < KILLS:
            dies_at = int(2 ** random.uniform(0, 9.5))
            killed += process.attempt(dies_at) == KILLED
            if folder_is_lost and killed % 3 == 0:
                shutil.rmtree(process.bench.folder / "pipelines")
            changed = process.bench.world.mutate("new_message", random, 101)
            process.bench.world.flag(101, str(changed))
        process.bench.api.configure(churn={})

        status = process.attempt()

        assert status == 0
        assert process.bench.differences() == []
        assert process.bench.analytics_differences(days_ago(7)) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "table",
    mostly_slow([table.name for table in (*TABLES, ANALYTICS_PERIODS)], MESSAGES.name),
)
def test_a_kill_between_staging_rows_and_recording_it_stores_nothing_twice(
    tmp_path: Path, table: str
) -> None:
    periods = ["week", "last_7_days"]
    with killable(tmp_path / "story", made_world(6), with_flags=True) as process:
        process.given = {"analytics_periods": periods}
        status = process.attempt(1, rf"pending_transitions/{table}\.\w+\.")
        assert status == KILLED

        process.attempt()

        made = process.bench
        assert made.differences() == []
        assert made.analytics_differences(made.start_date) == []
        assert found_differences(made, "UTC", periods, made.start_date) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("event", mostly_slow([1, 3]))
def test_a_kill_while_an_interrupted_load_is_cleared_away_loses_nothing(
    tmp_path: Path, event: int
) -> None:
    with killable(tmp_path / "story", made_world(7)) as process:
        assert process.attempt(2, r"started_jobs/conversations\.\w+\.\d\.parquet") == KILLED
        assert process.attempt(event, r"\.interrupted") == KILLED

        process.attempt()

        assert process.bench.differences() == []


def continued_windows(requests: list[RequestRecord]) -> int:
    """Windows whose first request of an attempt had a page token."""
    seen = set()
    continued = 0
    for request in requests:
        body = request.body or {}
        if request.path != "/conversations":
            continue
        window = (body["bot_id"], body["from"], body.get("to"))
        continued += window not in seen and "cursor" in body
        seen.add(window)
    return continued


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_a_kill_repeats_about_a_package_and_windows_continue_at_their_page_token(
    tmp_path: Path,
) -> None:
    world = World.generate((101,), conversations=90, days=20, last_day=TODAY, seed=5)
    with killable(tmp_path / "undisturbed", world) as process:
        process.attempt()
        needed = process.bench.api.count("/conversations")

    with killable(tmp_path / "killed", world) as process:
        kills = continued = 0
        first = 0
        # some loads into each attempt; on a busy machine packages are smaller, and attempts longer
        while process.attempt(800 + 100 * kills) == KILLED:
            kills += 1
            continued += continued_windows(process.bench.api.requests[first:])
            first = len(process.bench.api.requests)
        continued += continued_windows(process.bench.api.requests[first:])

        assert process.bench.differences() == []
        assert kills >= 2
        assert continued >= 1
        assert process.bench.api.count("/conversations") <= needed + kills * REPEATED_PER_KILL + 20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_leave_no_original_and_an_erasure_and_a_deletion_for_age_are_ended(
    tmp_path: Path,
) -> None:
    """Of one warehouse: syncs that hash are killed, then `forget`, then a sync with retention."""
    world = planted()
    old = {"createdAt": noon(9), "lastActivity": noon(9), **personal({"messages": []})}
    world.put(BOT, {"sessionId": "old", **old, "contact": None})
    private: dict[str, Any] = {"privacy": PSEUDONYMOUS}
    with killable(tmp_path / "story", world) as process:
        folder, bench = process.bench.folder, process.bench
        for event in (
            (3, r"\.parquet"),
            (9, r"\.parquet"),
            (1, r"pending_transitions/conversations__messages"),
            (2, r"started_jobs/conversations\.\w+\.\d\.parquet"),
        ):
            assert process.attempt(*event, **private) == KILLED
            assert found_in(folder) == []
        assert process.attempt(**private) == 0
        assert found_in(folder) == []
        assert sessions(bench) == {*ids(world, BOT), *ids(world, ODD_BOT)}

        assert process.attempt(1, DELETIONS, phone=PHONE, **private) == KILLED
        assert process.attempt(**private) == 0  # lets nobody back
        assert process.attempt(phone=PHONE, **private) == 0
        assert sessions(bench) <= {"old", world.conversations(ODD_BOT)[0]["sessionId"]}
        assert "old" in sessions(bench)

        kept = {**private, "retention_days": 5}
        assert process.attempt(1, DELETIONS, **kept) == KILLED
        assert process.attempt(**kept) == 0
        assert "old" not in sessions(bench)


def noon(days: int) -> datetime:
    """Noon of a day before today, UTC."""
    return datetime.combine(days_ago(days), time(12), UTC)


def ids(world: World, bot_id: int) -> set[str]:
    """The conversations of a bot."""
    return {str(row["sessionId"]) for row in world.conversations(bot_id)}


def sessions(made: Bench) -> set[str]:
    """The conversations in the tables."""
    return {row["session_id"] for row in stored(made.database, CONVERSATIONS)}
