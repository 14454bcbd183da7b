"""Verifies the days of every bot against the API's own totals, and stores the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt

from chatislav_source.config import today_in
from chatislav_source.proof import bounds, tables
from chatislav_source.proof.absences import absences
from chatislav_source.proof.counts import Bucket, DayCounts, ErasedConversation
from chatislav_source.proof.queries.counting import buckets_of
from chatislav_source.proof.reconciliation import (
    Comparison,
    DayTotals,
    Key,
    compared,
    flagged_of,
    is_stored,
    may_count_by_event,
    more_than_all,
    not_loaded,
    verdicts,
    with_history,
)
from chatislav_source.proof.result import (
    BotVerification,
    Verification,
    definition_row,
    zone_of_rows,
)
from chatislav_source.proof.warehouse import (
    DEFINITIONS,
    RECONCILIATION,
    comparisons_of,
    connected,
    definitions_of,
    totals_of,
)
from chatislav_source.runner.checkpoint import forget_tables, keep_to_destination, kept_from
from chatislav_source.runner.job import alone
from chatislav_source.streams.date_window import ONE_DAY, days_of

DEFAULT_DAYS = 30
DEFINITION_DAYS = 180  # final days that are tried; the API may have counted otherwise before


@dataclass(frozen=True)
class Held:
    """What the warehouse holds: totals and buckets by bot, and the results of earlier runs."""

    totals: Mapping[int, Sequence[DayTotals]]
    buckets: Sequence[Bucket]
    erased: Sequence[ErasedConversation]
    definitions: Sequence[dict[str, Any]]
    stored: Mapping[Key, Comparison]
    kept_from: Mapping[int, date]

    def complete_totals(self, bot_id: int) -> Sequence[DayTotals]:
        """The totals of the bot's days of which `retention_days` has deleted no conversation.

        A day of another zone may have begun on the day before it in UTC.
        """
        kept_from = self.kept_from.get(bot_id, date.min)
        return [each for each in self.totals[bot_id] if each.day > kept_from]


def verify(
    pipeline: dlt.Pipeline, *, days: int = DEFAULT_DAYS, bot_ids: Sequence[int] = ()
) -> Verification:
    """Compare the tables with the API's own totals, for the last `days` days that have ended.

    Sends no request. `bot_ids` empty means every bot whose analytics are loaded. A day is one of
    the zone of its bot's analytics. The result is also in the tables `reconciliation` and
    `definitions`.

    Raises:
        ConfigurationError: the destination's SQL is not known.
        PipelineLockedError: another run has locked the pipeline or one of the bots.
        LoadFailedError: the destination could not be asked or written.
    """
    return verify_tables(pipeline, datetime.now(UTC), days, bot_ids)


def verify_tables(
    pipeline: dlt.Pipeline,
    now: datetime,
    days: int = DEFAULT_DAYS,
    bot_ids: Sequence[int] = (),
    attempts: Mapping[tuple[int, date], int] | None = None,
) -> Verification:
    """Compare the last `days` days that have ended, and write the rows that changed.

    `now` is UTC; `bot_ids` empty means every bot in the table `analytics`. `attempts` is, by bot
    and day, how often the day was read again if it still differs.

    Raises:
        ConfigurationError: the destination's SQL is not known.
        PipelineLockedError: another run has locked the pipeline or one of the bots.
        ChatislavError: the destination could not be asked or written.
    """
    with alone(pipeline):
        keep_to_destination(pipeline)
        return _verify(pipeline, now, days, bot_ids, attempts)


def _verify(
    pipeline: dlt.Pipeline,
    now: datetime,
    days: int,
    bot_ids: Sequence[int],
    attempts: Mapping[tuple[int, date], int] | None,
) -> Verification:
    held = _held(pipeline, now, days, bot_ids)
    bots = _all_verified(held, days, now, attempts or {})
    if not all(bot.is_sound for bot in bots):
        with connected(pipeline) as warehouse:
            erased = warehouse.erased()  # only what is missing may have been erased
        if erased:
            bots = _all_verified(replace(held, erased=erased), days, now, attempts or {})
    known = {(row["bot_id"], row["metric"]): row for row in held.definitions}
    definitions = [definition_row(bot.bot_id, v) for bot in bots for v in bot.verdicts.values()]
    tables.write(
        pipeline,
        [row for bot in bots for row in bot.rows if not is_stored(row, held.stored.get(row.key))],
        [
            {**row, "checked_at": now}
            for row in definitions
            if known.get((row["bot_id"], row["metric"])) != row
        ],
    )
    return Verification(bots)


def _held(pipeline: dlt.Pipeline, now: datetime, days: int, bot_ids: Sequence[int]) -> Held:
    first_day = now.date() - timedelta(days=max(days, DEFINITION_DAYS) + 1)
    with connected(pipeline) as warehouse:
        found = warehouse.held(first_day, now.date(), bot_ids)
    if found[DEFINITIONS] is None or found[RECONCILIATION] is None:
        forget_tables(pipeline, tables.SCHEMA)  # if there are none yet, there is nothing to forget
    return Held(
        totals_of(found["totals"] or ()),
        buckets_of(found["counted"] or ()),
        (),
        definitions_of(found[DEFINITIONS] or ()),
        {row.key: row for row in comparisons_of(found[RECONCILIATION] or ())},
        kept_from(pipeline),
    )


def _all_verified(
    held: Held, days: int, now: datetime, attempts: Mapping[tuple[int, date], int]
) -> list[BotVerification]:
    return [
        _verified(bot_id, held, days, now, attempts)
        for bot_id in sorted(held.totals)
        if held.complete_totals(bot_id)
    ]


def _verified(
    bot_id: int,
    held: Held,
    days: int,
    now: datetime,
    attempts: Mapping[tuple[int, date], int],
) -> BotVerification:
    """The result for one bot, in the zone of its newest analytics."""
    all_totals = held.complete_totals(bot_id)
    timezone = zone_of_rows([(day.day, day.timezone) for day in all_totals])
    totals = [day for day in all_totals if day.timezone == timezone]
    zones = list(dict.fromkeys(["UTC", timezone]))
    counts = DayCounts(
        [each for each in held.buckets if each.bot_id == bot_id],
        zones,
        [each for each in held.erased if each.bot_id == bot_id],
    )
    known = {
        row["metric"]: row["definition"]
        for row in held.definitions
        if row["bot_id"] == bot_id and row["verdict"] == "proven"
    }
    found = verdicts(totals, counts, zones, known)
    yesterday = today_in(timezone, now) - ONE_DAY
    first_day = yesterday - timedelta(days=days - 1)
    checked = [day for day in totals if first_day <= day.day <= yesterday]
    rows = compared(bot_id, checked, counts, found, now)
    rows += _missing_totals(bot_id, totals, first_day, yesterday, now)
    tried = [replace(row, heal_attempts=attempts.get((bot_id, row.date), 0)) for row in rows]
    warnings = [
        f"Bot {bot_id}, {day.day}, {day.channel}: {problem}."
        for day in checked
        for problem in bounds.broken(
            day.values, flagged_of(day, counts, found), may_count_by_event(found)
        )
    ]
    warnings += [f"Bot {bot_id}, {day}: {problem}." for day, problem in more_than_all(checked)]
    rows = with_history(tried, held.stored, now)
    rows += absences(rows, (r for r in held.stored.values() if r.bot_id == bot_id), now)
    return BotVerification(bot_id, timezone, yesterday, rows, found, counts, warnings)


def _missing_totals(
    bot_id: int, totals: Sequence[DayTotals], first_day: date, last_day: date, now: datetime
) -> Iterator[Comparison]:
    """The days since the first loaded one of which `analytics` has no row, by channel."""
    for channel in sorted({day.channel for day in totals}):
        loaded = {day.day for day in totals if day.channel == channel}
        for day in days_of(max(first_day, min(loaded)), last_day):
            if day not in loaded:
                yield not_loaded(bot_id, day, channel, totals[0].timezone, now)
