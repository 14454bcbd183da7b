"""Page drift and unusual page tokens, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.sandbox import World
from tests.default_suite import mostly_slow
from tests.exactness.model import seeded
from tests.exactness.truth import TODAY, Bench, bench, days_ago

pytestmark = pytest.mark.usefixtures("short_waits", "small_pages")

CHURN = {
    "new_message": 0.3,
    "new_conversation": 0.2,
    "resolution": 0.2,
    "summary": 0.1,
    "guardrail": 0.2,
}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """A bot with 60 conversations over 8 days, in pages of 4; analytics of one day only."""
    world = World.generate((101,), conversations=60, days=8, last_day=TODAY, messages=3)
    with bench(tmp_path, world, start_date=days_ago(8)) as each:
        yield each


@pytest.mark.parametrize("token", mostly_slow(["offset", "keyset", "snapshot"], "offset"))
@pytest.mark.parametrize(
    ("date_filter", "order"),
    mostly_slow(
        [
            ("activity", "newest_activity"),
            ("activity", "oldest_activity"),
            ("created", "shuffled"),
        ],
        ("created", "shuffled"),
    ),
)
def test_after_the_next_quiet_sync_nothing_is_missing_stale_or_double(
    made: Bench, token: str, date_filter: str, order: str
) -> None:
    made.with_flags = True
    for row in made.world.conversations(101)[::3]:
        made.world.flag(101, row["sessionId"])
    made.api.configure(
        page_token=token, date_filter=date_filter, page_order=order, churn=CHURN, churn_limit=12
    )
    made.sync()
    made.api.configure(churn={})

    report = made.sync()

    assert report.complete
    assert made.differences() == []


def test_removals_while_pages_are_read_lose_no_other_conversation(made: Bench) -> None:
    made.api.configure(churn={"remove_conversation": 0.5, "remove_message": 0.5}, churn_limit=8)
    made.sync()
    made.api.configure(churn={})

    made.sync()

    assert not [line for line in made.differences() if "should not be there" not in line]


HARMLESS: dict[str, dict[str, Any]] = {
    "single use": {"token_max_uses": 1},
    "bound to filters and limit": {"token_bound_to_filters": True, "token_bound_to_limit": True},
    "old after nine requests": {"token_max_requests": 9},
    "there though done": {"token_when_done": True},
    "empty last page": {"empty_last_page": True},
    "empty middle pages": {"empty_middle_pages": True},
    "short pages": {"short_pages": True},
    "overlapping pages": {"overlapping_pages": True},
    "another status": {"token_max_requests": 9, "expired_token_status": 410},
}


FAST = ("old after nine requests",)


@pytest.mark.parametrize("name", mostly_slow(HARMLESS, *FAST))
def test_unusual_page_tokens_lose_no_row(made: Bench, name: str) -> None:
    made.api.configure(page_order="shuffled", **HARMLESS[name])

    report = made.sync()

    assert report.errors == []
    assert made.differences() == []
    assert made.api.count("/conversations") < 250


HARMFUL: dict[str, tuple[dict[str, Any], str]] = {
    "repeats": ({"token_repeats": 1}, "came before"),
    "missing": ({"token_missing": True}, "hasMore"),
    "absent": ({"token_absent": True}, "hasMore"),
    "endless empty pages": ({"endless_empty_pages": True}, "nothing new"),
    "never good": ({"token_max_age_seconds": 0.0}, "cursor has expired"),
    "refused for another reason": ({"token_max_uses": 0, "expired_token_status": 418}, "418"),
}


@pytest.mark.parametrize(
    ("settings", "said"), mostly_slow(HARMFUL.values(), HARMFUL["endless empty pages"])
)
def test_unusable_page_tokens_are_an_error_that_names_bot_and_window(
    made: Bench, settings: dict[str, Any], said: str
) -> None:
    made.api.configure(**settings)

    report = made.sync()

    assert len(report.errors) == 1
    assert said in report.errors[0]
    assert "bot 101, 20" in report.errors[0]
    assert made.api.count("/conversations") < 400
    made.api.configure(**{name: None for name in settings if name.startswith("token_max")})
    made.api.configure(
        token_repeats=None, token_missing=False, token_absent=False, endless_empty_pages=False
    )
    assert made.sync().complete
    assert made.differences() == []


def test_old_days_in_random_order_are_a_warning(made: Bench) -> None:
    made.api.configure(page_order="random")

    report = made.sync(lookback_days=0)

    assert any("kept changing" in warning for warning in report.warnings)
    assert made.api.count("/conversations") < 600


@pytest.mark.slow
def test_removed_messages_are_deleted_and_unknown_messages_keep_their_rows(made: Bench) -> None:
    random = seeded(3)
    made.sync()
    for _ in range(6):
        made.world.mutate("remove_message", random, 101)
    emptied = made.world.conversations(101)[-1]["sessionId"]
    made.world.change(101, emptied, messages=[])

    made.sync(lookback_days=20)

    assert made.differences() == []
    for mode in ("null", "absent"):
        made.api.configure(messages_mode=mode)
        made.sync(lookback_days=20)
        left = [line for line in made.differences() if "message_count: None" not in line]
        assert left == []
