"""What a sync would read, for `--dry-run`; writes nothing, not even a file of dlt."""

from __future__ import annotations

from collections.abc import Sequence

from chatislav_source.api.configured_client import client_of
from chatislav_source.cli import console
from chatislav_source.cli.status import looking
from chatislav_source.cli.stored_states import stored_bots
from chatislav_source.config import SyncConfig
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.records.schema import ANALYTICS
from chatislav_source.runner.erasure.retention import require_retention
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.runner.upkeep.estimate import Estimate, Known, estimate


def dry_run(target: PipelineConfig, config: SyncConfig, streams: Sequence[str]) -> Estimate:
    """The estimate of a sync with this configuration.

    Raises:
        ChatislavError: the API or the destination cannot be read.
    """
    known = known_of(target, config)
    with client_of(config) as client:
        return estimate(client, config, streams, known)


def known_of(target: PipelineConfig, config: SyncConfig) -> Known:
    """What the warehouse has of the bots; nothing if there is no file yet."""
    if target.is_duckdb and not target.database.exists():
        return Known()
    with looking(target) as pipeline:
        require_retention(pipeline, config)
        states = {
            stream: {int(bot): state for bot, state in bots.items()}
            for stream, bots in stored_bots(pipeline).items()
        }
        stored = StoredTables(pipeline)
        loaded = [bot for bot in config.bot_ids if bot in states[ANALYTICS.name]]
        days = {bot: stored.days(bot) for bot in loaded}
    return Known(states, days)


def show(title: str, found: Estimate) -> None:
    """Print one row per bot, and the totals."""
    names = ["bot", "from", "to", "conversations", "messages", "analytics days"]
    names += ["analytics periods", "requests"]
    rows = [
        [
            bot.bot_id,
            bot.first_day or "-",
            bot.last_day or "now",
            bot.conversations,
            bot.messages,
            bot.analytics_days,
            bot.analytics_periods,
            bot.requests,
        ]
        for bot in found.bots
    ]
    console.rows(title, names, rows)
    console.notes(found.notes)
    console.done(
        f"Nothing was loaded. A sync takes about {found.requests:,} requests and "
        f"{_length(found.minutes)} for {found.rows:,} rows, if the API allows this rate; "
        f"{found.asked} requests were sent to find out."
    )


def _length(minutes: float) -> str:
    """A duration in words."""
    return f"{minutes:.1f} minutes" if minutes >= 1 else f"{max(1, round(minutes * 60))} seconds"
