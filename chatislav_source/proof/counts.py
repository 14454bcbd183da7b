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

from chatislav_source.proof.definitions import COUNTS, Basis, Candidate
from chatislav_source.streams.date_window import ALL

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


class DayCounts:
    """The counts of one bot by basis, zone, day and channel."""

    def __init__(self, buckets: Sequence[Bucket], zones: Iterable[str]) -> None:
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


@lru_cache(maxsize=100_000)
def day_of_quarter(quarter: int, zone: str) -> date:
    """The day of a quarter-hour in an IANA zone."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, ZoneInfo(zone)).date()
