"""A server that allows ten requests a second: the rate used, and the throttled requests.

It is measured with 429 alone, and with a Retry-After of one second.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from chatislav_source.sandbox import Sandbox, Settings, World
from tests.benchmarks.measure import BOTS, SYNC, Row, Served, process, scratch

ALLOWED_PER_SECOND = 10
SETTLING_SECONDS = 5.0


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of rate limits."""
    today = datetime.now(UTC).date()
    world = World.generate(bot_ids=BOTS, conversations=1_000, days=90, last_day=today, seed=1)
    for name, told in (("", False), (", Retry-After 1", True)):
        limit = Settings(
            rate_limit_per_second=ALLOWED_PER_SECOND,
            rate_limit_burst=5,
            rate_limit_retry_after=told,
        )
        yield measured(world, limit, name)


def measured(world: World, limit: Settings, name: str) -> Row:
    """A sync against this limit."""
    chosen = [part for bot_id in BOTS for part in ("--bot-id", str(bot_id))]
    with Sandbox(world, limit) as api, scratch() as folder:
        process([*SYNC, *chosen], Served(api.base_url).environment, folder)
        records = list(api.requests)
    began = records[0].started_at + SETTLING_SECONDS
    settled = [record for record in records if record.started_at >= began]
    good = [record for record in settled if record.status == 200]
    span = settled[-1].started_at - settled[0].started_at
    refused = 100 * (len(settled) - len(good)) / len(settled)
    return Row(
        f"{ALLOWED_PER_SECOND} requests a second allowed{name}: answered, "
        f"after {SETTLING_SECONDS:.0f} s",
        f"{len(good) / span:.1f} a second, {refused:.1f} % refused",
        f"{len(good) / span / ALLOWED_PER_SECOND:.2f}",
    )
