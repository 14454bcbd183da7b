"""The status of each bot: time of the last complete sync, delay, rows and last error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any

import dlt
import pendulum
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from chatislav_source.cli.stored_states import StoredBot, newest_states
from chatislav_source.configured import privacy_id
from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.duckdb_file.snapshot import read_only
from chatislav_source.destinations.merging.rows_in_force import rows_in_force
from chatislav_source.destinations.merging.strategies import can_delete
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.proof.result import kind_of, worst
from chatislav_source.proof.tables import RECONCILED
from chatislav_source.records.history.table import HISTORY_TABLES
from chatislav_source.records.rejected.table import ALL_TABLES, REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table
from chatislav_source.streams.conversations.state import loaded_up_to
from chatislav_source.streams.date_window import utc_text


@dataclass(frozen=True)
class BotStatus:
    """One bot.

    `pipeline` is the name of the one that loads it. `loaded_up_to` (UTC) is the start of the last
    complete sync, None if there is none. `behind_seconds` is the time since then. `under_way` is
    true if a sync was interrupted. `timezones` are those of the stored analytics; with more than
    one, sums need a filter. `verified` counts the days of the table `reconciliation` by `KINDS`;
    empty if there is none. `history` counts the versions of conversations and days that are kept.
    `rejected` counts records of the API that could not be loaded. `other_privacy` counts
    conversations and rejected records that were written under other privacy settings than those of
    the config, or without any there, than those of the newest row. `kept_from` is the first day
    (UTC) whose activity keeps a conversation under `retention_days`; None if all are kept.
    """

    bot_id: int
    pipeline: str
    loaded_up_to: str | None
    behind_seconds: int | None
    last_activity: str | None
    date_filter: str
    under_way: bool
    conversations: int
    messages: int
    analytics_days: int
    timezones: list[str]
    verified: dict[str, int]
    history: int
    rejected: int
    other_privacy: int
    kept_from: str | None
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON values."""
        return asdict(self)


def statuses(
    pipeline: dlt.Pipeline, now: datetime, names: Sequence[str] | None = None
) -> list[BotStatus]:
    """The status of every bot in the pipeline's stored state, by id.

    `names`: of the pipelines into the same dataset whose states are looked at instead. Only reads
    the destination; the pipeline's folder is neither read nor changed.
    """
    bots = newest_states(pipeline, [pipeline.pipeline_name] if names is None else names)
    with pipeline.sql_client() as client:
        counts = {table.name: row_counts(pipeline, client, table) for table in ALL_TABLES}
        zones, verified = _zones(pipeline, client), _verified(pipeline, client)
        other_privacy = _other_privacy(pipeline, client)
    return [
        replace(
            _status(bot_id, bots[bot_id], counts, now),
            timezones=zones.get(bot_id, []),
            verified=verified.get(bot_id, {}),
            other_privacy=other_privacy[bot_id],
        )
        for bot_id in sorted(bots)
    ]


@contextmanager
def looking(config: PipelineConfig) -> Iterator[dlt.Pipeline]:
    """A pipeline that only reads: in a temporary folder, and with a read-only DuckDB file.

    Raises:
        ConfigurationError: the destination cannot be used, or there is no file yet.
        PipelineLockedError: as `read_only`.
    """
    config.require_database()
    if not config.is_duckdb:
        config.check()
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="chatislav-"))
        destination = None
        if config.is_duckdb:
            connection = stack.enter_context(read_only(config.database))
            destination = dlt.destinations.duckdb(connection)
        pipeline = replace(config, pipelines_dir=folder).pipeline(destination=destination)
        if not can_delete(pipeline):
            pipeline.sync_destination()  # files are found by the schema
        yield pipeline


def nothing_loaded(
    found: Sequence[BotStatus], asked: str | None, names: Sequence[str]
) -> list[str]:
    """What to say if no bot was found, of the pipeline `asked` for or, if it is None, of any.

    `names`: of the pipelines that the dataset has.
    """
    if found:
        return []
    if asked is None or not names or asked in names:
        return ["Nothing was ever loaded."]
    return [
        f"Pipeline {asked} has loaded nothing into this dataset. Those that have: "
        f"{', '.join(names)}. Without --pipeline-name, `chatislav status` shows the bots of all."
    ]


def too_old(
    found: Sequence[BotStatus], max_age_seconds: int, bot_ids: Sequence[int] = ()
) -> list[str]:
    """Why a monitor must alarm: each bot that is behind for longer than allowed.

    `bot_ids`: those that were asked for, of which none may be missing.
    """
    missing = sorted({*bot_ids} - {bot.bot_id for bot in found})
    return [f"Bot {bot_id} was never loaded." for bot_id in missing] + [
        f"Bot {bot.bot_id} was never loaded completely."
        if bot.behind_seconds is None
        else f"Bot {bot.bot_id} is {bot.behind_seconds} s behind, more than {max_age_seconds} s."
        for bot in found
        if bot.behind_seconds is None or bot.behind_seconds > max_age_seconds
    ]


def row_counts(pipeline: dlt.Pipeline, client: SqlClient, table: Table) -> dict[int, int]:
    """The number of rows by bot; empty if the table does not exist."""
    rows = _rows(pipeline, client, table, "SELECT bot_id, COUNT(*) FROM {} r GROUP BY bot_id")
    return {int(bot_id): int(count) for bot_id, count in rows}


def _zones(pipeline: dlt.Pipeline, client: SqlClient) -> dict[int, list[str]]:
    """By bot, the time zones of its analytics."""
    zones: dict[int, list[str]] = {}
    query = "SELECT DISTINCT bot_id, timezone FROM {} r ORDER BY 1, 2"
    for bot_id, zone in _rows(pipeline, client, ANALYTICS, query):
        zones.setdefault(int(bot_id), []).append(zone)
    return zones


def _verified(pipeline: dlt.Pipeline, client: SqlClient) -> dict[int, dict[str, int]]:
    """By bot, the number of its days that differ, are unproven, settling or equal."""
    query = (
        "SELECT bot_id, date, status, MAX(heal_attempts) FROM {} r GROUP BY bot_id, date, status"
    )
    kinds: dict[tuple[int, Any], set[str]] = {}
    for bot_id, day, status, attempts in _rows(pipeline, client, RECONCILED, query):
        kinds.setdefault((int(bot_id), day), set()).add(kind_of(status, int(attempts)))
    found: dict[int, Counter[str]] = {}
    for (bot_id, _), of_day in kinds.items():
        found.setdefault(bot_id, Counter()).update([worst(of_day)])
    return {bot_id: dict(counter) for bot_id, counter in found.items()}


def _other_privacy(pipeline: dlt.Pipeline, client: SqlClient) -> Counter[int]:
    """By bot, the rows that were not written under the privacy settings of now."""
    # the id of the settings is behind the 16 digits of the digest
    query = (
        "SELECT bot_id, SUBSTR(_version, 17), COUNT(*), MAX(_dlt_load_id) FROM {} r GROUP BY 1, 2"
    )
    rows = [
        (str(load_id), int(bot_id), settings or "", int(count))
        for table in (CONVERSATIONS, REJECTED)
        for bot_id, settings, count, load_id in _rows(pipeline, client, table, query)
    ]
    of_now = privacy_id(pipeline.pipeline_name)
    if of_now is None:
        of_now = max(rows)[2] if rows else ""
    others: Counter[int] = Counter()
    for _, bot_id, settings, count in rows:
        others[bot_id] += count * (settings != of_now)
    return others


def _rows(pipeline: dlt.Pipeline, client: SqlClient, table: Table, query: str) -> Sequence[Any]:
    """The rows of a query of one table; none if the table does not exist."""
    rows_of = rows_in_force(pipeline, client, table)
    try:
        return client.execute_sql(query.format(rows_of)) or []
    except DatabaseUndefinedRelation:
        return []


def _status(
    bot_id: int, stored: StoredBot, counts: dict[str, dict[int, int]], now: datetime
) -> BotStatus:
    conversations = stored.conversations
    began = loaded_up_to(conversations)
    return BotStatus(
        bot_id=bot_id,
        pipeline=stored.pipeline,
        loaded_up_to=utc_text(began) if began else None,
        behind_seconds=max(0, _seconds_since(began, now)) if began else None,
        last_activity=conversations.get("last_activity"),
        date_filter=conversations.get("date_filter") or "unknown",
        under_way=bool(conversations.get("progress") or conversations.get("backfill")),
        conversations=counts[CONVERSATIONS.name].get(bot_id, 0),
        messages=counts[MESSAGES.name].get(bot_id, 0),
        analytics_days=counts[ANALYTICS.name].get(bot_id, 0),
        timezones=[],
        verified={},
        other_privacy=0,
        history=sum(counts[table.name].get(bot_id, 0) for table in HISTORY_TABLES),
        kept_from=conversations.get("kept_from"),
        rejected=counts[REJECTED.name].get(bot_id, 0),
        error=conversations.get("error") or stored.analytics.get("error"),
    )


def _seconds_since(instant: datetime, now: datetime) -> int:
    return pendulum.instance(instant).diff(pendulum.instance(now), abs=False).in_seconds()
