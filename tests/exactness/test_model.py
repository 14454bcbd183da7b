"""Partitions against a model of the API: any schedule, crash and page drift ends exact."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.exactness.model import START, ModelApi, seeded
from tests.exactness.warehouse import Disturbance, Warehouse, run_sync

ORDERS = ("newest_activity", "oldest_activity", "newest_created", "oldest_created", "shuffled")
TOKENS = ("offset", "keyset", "snapshot")


pytestmark = pytest.mark.usefixtures("small_pages")

worlds = st.fixed_dictionaries(
    {
        "date_filter": st.sampled_from(("activity", "created")),
        "order": st.sampled_from(ORDERS),
        "token": st.sampled_from(TOKENS),
        "token_uses": st.sampled_from((None, None, 1)),
        "token_age": st.sampled_from((None, None, 6)),
    }
)


def made(seed: int, world: dict[str, object], rows: int, days: int) -> ModelApi:
    """An API with `rows` conversations over `days`, some of them active long after they began."""
    random = seeded(seed)
    api = ModelApi(random, **world)  # type: ignore[arg-type]
    for _ in range(rows):
        created = START - timedelta(minutes=random.randrange(1, days * 1440))
        late = random.random() < 0.3
        active = created + (START - created) * random.random() if late else created
        api.add(created, active.replace(microsecond=0))
    return api


scenarios = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**9),
        "world": worlds,
        "rows": st.integers(0, 90),
        "days": st.integers(1, 60),
        "lookback": st.sampled_from((None, None, 0, 1, 3)),
        "kills": st.integers(0, 3),
        "disturbed": st.integers(0, 2),
        "with_flags": st.booleans(),
    }
)


@hypothesis_settings(max_examples=80, deadline=None)
@given(scenario=scenarios)
def test_after_drift_failures_and_kills_a_quiet_sync_is_exact(scenario: dict[str, Any]) -> None:
    check_scenario(**scenario)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@hypothesis_settings(max_examples=1_200, deadline=None)
@given(scenario=scenarios)
def test_the_next_quiet_sync_is_exact_after_many_more_scenarios(scenario: dict[str, Any]) -> None:
    check_scenario(**scenario)


def test_drift_in_a_window_that_the_next_sync_reads_in_part_is_found() -> None:
    """One conversation leaves a window whose first day is before the lookback of the next sync."""
    world = {"date_filter": "activity", "order": "newest_activity", "token": "offset"}

    check_scenario(seed=100, world=world, rows=68, days=46, lookback=None, kills=2, disturbed=0)


def check_scenario(
    seed: int,
    world: dict[str, object],
    rows: int,
    days: int,
    lookback: int | None,
    kills: int,
    disturbed: int,
    with_flags: bool = False,
) -> None:
    """Run killed syncs, disturbed syncs, then a quiet one, after which the tables must be exact."""
    api = made(seed, world, rows, days)
    warehouse = Warehouse(api, (START - timedelta(days=days + 1)).date(), lookback, with_flags)
    random = seeded(seed)
    for row in api.world.values():
        row.flagged = with_flags and random.random() < 0.4
    quiet_days = 0 if lookback is not None else 1
    for _ in range(kills):
        killed = random.randrange(1, 120)
        run_sync(warehouse, random, Disturbance(0.2, 0.05, killed, quiet_days))
    for _ in range(disturbed):
        run_sync(warehouse, random, Disturbance(0.3, 0.03, None, quiet_days))
        api.now += timedelta(hours=random.randrange(1, 12))

    requests = quiet_syncs(warehouse, random)

    assert warehouse.differences() == []
    assert requests <= 12 * (rows + 40)


def quiet_syncs(warehouse: Warehouse, random: Random) -> int:
    """Sync without disturbance, twice after an interrupted sync; returns the requests."""
    warehouse.api.token_age = None
    before = warehouse.api.requests
    was_interrupted = bool(warehouse.stored and warehouse.stored["progress"])
    for _ in range(2 if was_interrupted else 1):
        assert run_sync(warehouse, random, Disturbance()), warehouse.problem
    return warehouse.api.requests - before
