"""Reads days again that differ, and asks for conversations that the API may have deleted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import dlt

from chatislav_source.api.client import CONVERSATIONS_PATH, ChatislavClient
from chatislav_source.api.configured_client import client_of
from chatislav_source.config import SyncConfig
from chatislav_source.proof import tables
from chatislav_source.proof.absences import absence
from chatislav_source.proof.definitions import TOTAL
from chatislav_source.proof.heal_plan import (
    REQUESTS_PER_RUN,
    Costs,
    Repair,
    days_to_heal,
    next_repair,
)
from chatislav_source.proof.reconciliation import Comparison
from chatislav_source.proof.result import BotVerification, Verification
from chatislav_source.proof.verification import DEFAULT_DAYS, verify_tables
from chatislav_source.proof.warehouse import Warehouse, connected
from chatislav_source.records.convert import parse_page
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.runner.job import alone, run_job
from chatislav_source.runner.resources import Customize
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.streams.analytics.day import StoredDays
from chatislav_source.streams.date_window import ONE_DAY, DateWindow, merged
from chatislav_source.streams.version_map import VersionMap

logger = logging.getLogger(__name__)

NO_BUDGET = (
    "Bot {bot_id}: reading {days} again takes more requests than healing may send. Run `chatislav "
    "backfill --bot-id {bot_id} --start-date {first} --end-date {last}`."
)


class NothingIsCurrent(StoredTables):
    """Has every row that is read written again, as a row may differ from its `_version`."""

    def versions(self, bot_id: int, windows: Iterable[DateWindow]) -> VersionMap:
        """No version."""
        del bot_id, windows
        return VersionMap()

    def days(self, bot_id: int) -> StoredDays:
        """No day."""
        del bot_id
        return StoredDays()


@dataclass
class Healer:
    """Reads days of bots again; `requests` counts what was sent.

    `customize` is that of `sync`: rows that are read again must go through the same steps.
    """

    pipeline: dlt.Pipeline
    config: SyncConfig
    customize: Customize | None = None
    requests: int = 0

    def heal(self, bot: BotVerification, budget: int) -> tuple[dict[date, int], int]:
        """Read days of a bot again while the budget lasts.

        Returns the attempts by day that was read, and what is left of the budget.
        """
        days = days_to_heal(bot.rows)
        tried: dict[date, int] = {}
        channels = sorted({row.channel for row in bot.rows})
        costs = Costs(len(channels), bot.rows_in, self.config.guardrail_flags)
        if days:
            StoredTables(self.pipeline).remove_doubles(bot_ids=[bot.bot_id])
        while days:
            repair = next_repair(days, bot.yesterday + ONE_DAY, budget, costs)
            if repair is None:
                break
            budget -= self._repair(bot, repair, channels)
            for day in repair.days:
                tried[day] = days.pop(day) + 1
        if days and not tried:
            bot.warnings.append(_no_budget(bot.bot_id, sorted(days)))
        return tried, budget

    def _repair(self, bot: BotVerification, repair: Repair, channels: Sequence[str]) -> int:
        """Read conversations, then the totals, so that both are of one moment."""
        logger.info("Bot %s: reading %s again", bot.bot_id, repair.window)
        sent = self._read(bot, repair.window, CONVERSATIONS.name, channels)
        for window in merged(DateWindow(day, day) for day in repair.days):
            sent += self._read(bot, window, ANALYTICS.name, channels)
        self.requests += sent
        return sent

    def _read(
        self, bot: BotVerification, window: DateWindow, stream: str, channels: Sequence[str]
    ) -> int:
        config = replace(
            self.config,
            bot_ids=(bot.bot_id,),
            start_date=window.first_day,
            start_date_given=True,
            end_date=window.last_day,
            timezone=bot.timezone,
            analytics_channels=tuple(channels),
            analytics_periods=(),  # the budget is for days
            now=datetime.now(UTC),
        )
        stored = NothingIsCurrent(self.pipeline)
        report = run_job(
            self.pipeline, config, lambda *_: None, (stream,), self.customize, stored=stored
        )
        bot.warnings += report.errors
        return report.total("requests")

    def ask_for_absent(
        self, bot: BotVerification, began: datetime, healed: Collection[date], budget: int
    ) -> list[Comparison]:
        """Ask for conversations that the API may have deleted; returns the rows to write.

        Of days with too many: those that were not read again since `began` if the day was `healed`,
        and those that were absent on an earlier day.
        """
        days = {row.date: row for row in bot.rows if (row.metric, row.status) == (TOTAL, "extra")}
        if not days:
            return []
        now = datetime.now(UTC)
        before = {
            row.session_id: row
            for row in bot.rows
            if row.session_id and row.date in days and row.status == "extra"
        }
        asked = {
            session_id: days[row.date]
            for session_id, row in before.items()
            if row.checked_at.date() < now.date()
        }
        with connected(self.pipeline) as warehouse:
            for day in days.keys() & healed:
                sessions = _not_read_since(warehouse, bot, day, began)
                asked |= {each: days[day] for each in sessions if each not in before}
        rows = []
        with client_of(self.config, max_concurrency=1) as client:
            for session_id, row in list(asked.items())[: max(0, budget)]:
                self.requests += 1
                is_there = _is_there(client, self.config, bot.bot_id, session_id)
                rows.append(absence(row, session_id, before.get(session_id), is_there, now))
        return [row for row in rows if row is not None]


def _not_read_since(
    warehouse: Warehouse, bot: BotVerification, day: date, began: datetime
) -> list[str]:
    """The conversations of a day that no request has returned since `began`."""
    chosen = bot.verdicts[TOTAL].chosen
    column = "created_at" if chosen.basis == "created" else "last_activity"
    midnights = [
        datetime.combine(each, time(), ZoneInfo(chosen.zone)).astimezone(UTC)
        for each in (day, day + ONE_DAY)
    ]
    return warehouse.not_read_since(bot.bot_id, column, midnights, began)


def heal(
    pipeline: dlt.Pipeline,
    config: SyncConfig,
    days: int = DEFAULT_DAYS,
    bot_ids: Sequence[int] = (),
    budget: int = REQUESTS_PER_RUN,
    customize: Customize | None = None,
) -> Verification:
    """Verify, read the days again that differ, and verify again.

    At most about `budget` requests are sent for each bot, not counting retries. `customize` is that
    of `sync`.

    Raises:
        ConfigurationError: the destination's SQL is not known.
        AuthenticationError: the API accepts no key.
        ChatislavError: the destination could not be asked or written.
    """
    began = datetime.now(UTC)
    before = verify_tables(pipeline, began, days, bot_ids)
    healer = Healer(pipeline, config, customize)
    attempts: dict[tuple[int, date], int] = {}
    left: dict[int, int] = {}
    for bot in before.bots:
        tried, left[bot.bot_id] = healer.heal(bot, budget)
        attempts |= {(bot.bot_id, day): count for day, count in tried.items()}
    found = before
    if attempts:
        found = verify_tables(pipeline, datetime.now(UTC), days, bot_ids, attempts)
    notes = {bot.bot_id: bot.warnings for bot in before.bots}
    for bot in found.bots:
        bot.warnings = list(dict.fromkeys([*notes.get(bot.bot_id, []), *bot.warnings]))
        healed = {day for bot_id, day in attempts if bot_id == bot.bot_id}
        absent = healer.ask_for_absent(bot, began, healed, left.get(bot.bot_id, budget))
        written = {row.key: row for row in absent}
        bot.rows = [row for row in bot.rows if row.key not in written] + absent
        with alone(pipeline):
            tables.write(pipeline, absent, [])
    found.requests = healer.requests
    return found


def _no_budget(bot_id: int, days: Sequence[date]) -> str:
    shown = f"{len(days)} days from {days[0]} to {days[-1]}" if len(days) > 1 else str(days[0])
    return NO_BUDGET.format(bot_id=bot_id, days=shown, first=days[0], last=days[-1])


def _is_there(client: ChatislavClient, config: SyncConfig, bot_id: int, session_id: str) -> bool:
    """Whether the API still returns a conversation that is asked for by its id."""
    query = {
        "bot_id": bot_id,
        "session_id": session_id,
        "channel": "all",
        "resolution_status": "all",
        "limit": 1,
    }
    response = client.post(
        CONVERSATIONS_PATH,
        query,
        f"bot {bot_id}, one conversation",
        lambda body: parse_page(body, bot_id, config.api_zone),
    )
    return bool(response.value.records(response.read_at).session_ids)
