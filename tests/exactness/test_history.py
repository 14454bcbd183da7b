"""The history has each version that was stored, once: after any changes, kills and switches."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chatislav_source import chatislav
from chatislav_source.records.history.table import OF_ANALYTICS, OF_CONVERSATIONS, History
from chatislav_source.sandbox import World
from tests.exactness.model import seeded
from tests.exactness.test_crashes import KILLED, killable
from tests.exactness.truth import DATASET, TODAY, Bench, bench, conversation_row, days_ago, stored

BOT = 101
PAGE = Path(__file__).parents[2] / "docs/history.md"
KINDS = ("new_message", "resolution", "rating", "summary", "remove_message", "new_conversation")

Versions = dict[tuple[Any, ...], list[tuple[Any, ...]]]
"""By key of a row, the values of its tracked columns, oldest first."""


def made_world(conversations: int = 12) -> World:
    return World.generate(
        (BOT,), conversations=conversations, days=4, last_day=TODAY, messages=2, seed=3
    )


def tracked(history: History, row: dict[str, Any]) -> tuple[Any, ...]:
    """The values by which versions differ."""
    return tuple(row[column.name] for column in history.tracked)


def recorded(made: Bench, history: History = OF_CONVERSATIONS) -> Versions:
    """The versions of the history; each ends when the next one begins, and differs from it."""
    rows: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(stored(made.database, history.table), key=lambda each: each["valid_from"]):
        rows[tuple(row[key] for key in history.of.keys)].append(row)
    for of_one in rows.values():
        ends = [later["valid_from"] for _, later in pairwise(of_one)]
        assert [row["valid_to"] for row in of_one] == [*ends, None]
        assert len({row["valid_from"] for row in of_one}) == len(of_one)
    found = {key: [tracked(history, row) for row in of_one] for key, of_one in rows.items()}
    assert all(former != later for each in found.values() for former, later in pairwise(each))
    return found


def current(made: Bench, history: History = OF_CONVERSATIONS) -> dict[tuple[Any, ...], Any]:
    """The values of the rows that are stored now."""
    return {
        tuple(row[key] for key in history.of.keys): tracked(history, row)
        for row in stored(made.database, history.of)
    }


def note(seen: Versions, made: Bench) -> None:
    """Add the rows that are stored now, where they differ from those noted before."""
    for key, values in current(made).items():
        if seen.setdefault(key, [])[-1:] != [values]:
            seen[key].append(values)


def tables_of(made: Bench) -> set[str]:
    with duckdb.connect(str(made.database), read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return {name for (name,) in names}


WAYS = ("sync", "plain run", "backfill", "without history")

Step = tuple[list[str], str, int]
"""Changes of the world, how they are loaded, and a seed for both."""


@pytest.mark.slow
def test_each_way_to_load_records_what_it_has_stored(tmp_path: Path) -> None:
    random = seeded(5)
    tell(tmp_path, [(random.sample(KINDS, 3), way, n) for n, way in enumerate(WAYS)])


@pytest.mark.timeout(600)
@pytest.mark.slow
@settings(max_examples=4, phases=[Phase.generate])
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
            st.sampled_from(WAYS),
            st.integers(0, 2**16),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_after_any_changes_the_history_has_each_version_that_was_stored(taken: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        tell(Path(folder), taken)


def tell(folder: Path, taken: list[Step]) -> None:
    """Change the world and load it in some way, step by step; compare the history each time."""
    with bench(folder, made_world(), start_date=days_ago(4)) as made:
        made.sync()
        assert not {name for name in tables_of(made) if "history" in name}
        seen: Versions = {}
        for kinds, way, seed in [*taken, ([], "sync", 0)]:
            for kind in kinds:
                made.world.mutate(kind, seeded(seed), BOT)
            if way != "without history":
                note(seen, made)  # it begins with the rows that are there
            load(made, way)
            if way != "without history":
                note(seen, made)
                assert recorded(made) == seen
                of_days = recorded(made, OF_ANALYTICS)
                newest = {key: versions[-1] for key, versions in of_days.items()}
                assert newest == current(made, OF_ANALYTICS)
        truth = [conversation_row(item) for item in made.world.conversations(BOT)]
        assert {values[-1] for values in seen.values()} == {
            tracked(OF_CONVERSATIONS, row) for row in truth
        }


def load(made: Bench, way: str) -> None:
    """Load what is new, or in a backfill all days."""
    if way == "plain run":
        made.pipeline().run(chatislav(**made.arguments(history=True)))
    elif way == "backfill":
        made.sync(history=True, start_date=days_ago(4), end_date=TODAY)
    else:
        made.sync(history=way != "without history")


KILLS = {
    "after a load, before its versions are recorded": (1, r"trace\.pickle"),
    "between the messages and the conversations": (1, r"started_jobs/conversations\.\w+\.\d"),
    "before the load is complete": (2, r"completed_jobs/"),
}


@pytest.mark.slow
def test_after_kills_no_version_that_was_stored_is_lost_and_none_is_there_twice(
    tmp_path: Path,
) -> None:
    with killable(tmp_path / "story", made_world(40)) as process:
        assert process.attempt() == 0
        seen: Versions = {}
        note(seen, process.bench)
        process.given["history"] = True
        random = seeded(9)
        for dies_at, dies_on in KILLS.values():
            for _ in range(3):
                process.bench.world.mutate("resolution_touch", random, BOT)
            assert process.attempt(dies_at, dies_on) == KILLED, dies_on
            note(seen, process.bench)

        assert process.attempt() == 0

        note(seen, process.bench)
        assert recorded(process.bench) == seen
        assert max(map(len, seen.values())) > 1


def queries() -> list[str]:
    """The SQL of the page."""
    return re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_queries_of_the_page_find_a_reopened_conversation_and_a_changed_month(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, made_world(), start_date=days_ago(3)) as made:
        opened = made.world.add_conversation(BOT, resolutionStatus="resolved")
        made.sync(history=True)
        known = datetime.now(UTC)
        made.world.change(BOT, opened, touch=True, resolutionStatus="unresolved")
        made.api.configure(analytics_restated={str(days_ago(1)): 5})
        made.sync(history=True)
        reopened, changed = queries()
        for literal, value in {
            "2026-03-01": days_ago(3),
            "2026-03-31": days_ago(1),
            "2026-04-02 00:00:00+00": known,
        }.items():
            changed = changed.replace(literal, str(value))

        with duckdb.connect(str(made.database), read_only=True) as connection:
            found = connection.execute(reopened).fetchall()
            ((bot_id, then, now),) = connection.execute(changed).fetchall()

        assert [row[:2] for row in found] == [(BOT, opened)]
        assert known < found[0][2] < known + timedelta(hours=1)
        assert (bot_id, now - then) == (BOT, 5)
        assert then > 0
        assert f"FROM {DATASET}." in reopened
