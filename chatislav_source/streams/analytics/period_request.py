"""One request for the totals of a bot, a period and a channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from chatislav_source.records.json_decoder import Row
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.schema import Table
from chatislav_source.streams.analytics.day import DayRequest
from chatislav_source.streams.analytics.periods import Period


@dataclass(frozen=True)
class PeriodRequest(DayRequest):
    """The totals of a period from its first day, `day`, until `today` if it has not ended."""

    period: Period
    today: date

    table: ClassVar[Table] = ANALYTICS_PERIODS

    @property
    def last_day(self) -> date:
        """The last day that is counted; the API's response to a day to come is not documented."""
        return min(self.period.last_day, self.today)

    @property
    def key(self) -> Row:
        """What tells the request from others of the bot, as columns of `rejected`."""
        return super().key | {"period": self.period.name}

    @property
    def columns(self) -> Row:
        """The columns of the row that the response does not have."""
        return {
            "period": self.period.name,
            "start_date": self.period.first_day,
            "end_date": self.period.last_day,
            "channel": self.channel,
            "timezone": self.timezone,
        }

    @property
    def series(self) -> str:
        """Key of this channel, zone and kind of period."""
        return f"{super().series}|{self.period.name}"

    def __str__(self) -> str:
        return f"{super().__str__()} to {self.last_day}"
