"""Sums counts of quarter-hours to days of any zone. Pure.

Every zone in use is a whole number of quarter-hours from UTC, so each quarter-hour is in one day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import add
from zoneinfo import ZoneInfo

from chatislav_source.proof.definitions import COUNTS, OF_MESSAGES, Basis, Candidate
from chatislav_source.streams.date_window import ALL, ONE_DAY

QUARTER_SECONDS = 900
NOTHING = [0] * len(COUNTS)


@dataclass(frozen=True)
class Bucket:
    """What was created, last active or sent in one quarter-hour, of one bot and channel.

    `quarter` counts quarter-hours since 1970-01-01 UTC; `values` are those of `COUNTS`.
    """

    bot_id: int
    basis: Basis
    quarter: int
    channel: str | None
    values: tuple[int, ...]


@dataclass(frozen=True)
class ErasedConversation:
    """A conversation that was erased: its days in UTC, both included, and its messages."""

    bot_id: int
    first_day: date
    last_day: date
    messages: int

    def is_of(self, day: date) -> bool:
        """Whether it may count on a day of any zone."""
        return self.first_day - ONE_DAY <= day <= self.last_day + ONE_DAY


class DayCounts:
    """The counts of one bot by basis, zone, day and channel; `erased` are in no bucket."""

    def __init__(
        self,
        buckets: Sequence[Bucket],
        zones: Iterable[str],
        erased: Sequence[ErasedConversation] = (),
    ) -> None:
        self._erased = erased
        self._sums: dict[tuple[Basis, str, date], dict[str | None, list[int]]] = {}
        for zone in zones:
            for bucket in buckets:
                day = day_of_quarter(bucket.quarter, zone)
                by_channel = self._sums.setdefault((bucket.basis, zone, day), {})
                sums = by_channel.get(bucket.channel, NOTHING)
                by_channel[bucket.channel] = list(map(add, sums, bucket.values))

    def counted(self, candidate: Candidate, day: date, channel: str) -> int:
        """What a candidate counts on a day; `channel` `all` is every channel, also unknown ones."""
        by_channel = self._sums.get((candidate.basis, candidate.zone, day), {})
        place = COUNTS.index(candidate.count)
        return sum(sums[place] for each, sums in by_channel.items() if channel in (ALL, each))

    def has_erased(self, day: date) -> bool:
        """Whether conversations that the API may count on a day were erased."""
        return any(each.is_of(day) for each in self._erased)

    def most_erased(self, candidate: Candidate, day: date) -> int:
        """The most that the API may count on a day of what was erased.

        No more is known: neither channel nor status is kept of an erased conversation.
        """
        of_day = [each for each in self._erased if each.is_of(day)]
        counts_messages = candidate.count in OF_MESSAGES
        return sum(each.messages for each in of_day) if counts_messages else len(of_day)


@lru_cache(maxsize=100_000)
def day_of_quarter(quarter: int, zone: str) -> date:
    """The day of a quarter-hour in an IANA zone."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, ZoneInfo(zone)).date()
