"""One request for the totals of a bot, a day and a channel, and the row of its response.

A request for a period, in `period_request`, has a later last day and another table.

Facts are from `POST /analytics`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from chatislav_source.api.call import ApiResponse
from chatislav_source.api.client import ANALYTICS_PATH, ChatislavClient
from chatislav_source.errors import WrongShapeError
from chatislav_source.records.json_decoder import Row, decode
from chatislav_source.records.rejected.page_text import MAX_NESTING, is_too_deep, nesting, told
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.records.rejected.sorting import rejected_day
from chatislav_source.records.sanitize import sanitized
from chatislav_source.records.schema import ANALYTICS, VERSION, Table
from chatislav_source.records.tolerant_rows import DayTotals, version_of
from chatislav_source.streams.date_window import DateWindow, merged

PATH = ANALYTICS_PATH

Decoded = tuple[Row, bool] | RejectedRecord
"""A JSON object and whether its texts need `sanitized`; or the record of one nested too deep."""


def series_of(timezone: str, channel: str) -> str:
    """Key of the days of one channel and zone."""
    return f"{timezone}|{channel}"


@dataclass(frozen=True)
class StoredDays:
    """The days of one bot in the table, by series: final days, and the version of each row.

    `periods` has the versions of periods, by series and first day; `final` the first days of those
    that are final, too.
    """

    final: dict[str, list[DateWindow]] = field(default_factory=dict)
    versions: dict[tuple[str, date], str] = field(default_factory=dict)
    periods: dict[tuple[str, date], str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[date, str, str, bool, str]]) -> StoredDays:
        """The days in `rows`: date, channel, timezone, is_final and _version."""
        stored = cls()
        final: dict[str, list[DateWindow]] = {}
        for day, channel, timezone, is_final, version in rows:
            series = series_of(timezone, channel)
            stored.versions[series, day] = version
            if is_final:
                final.setdefault(series, []).append(DateWindow(day, day))
        stored.final.update({series: merged(days) for series, days in final.items()})
        return stored

    def with_periods(self, rows: Iterable[tuple[str, date, str, str, bool, str]]) -> StoredDays:
        """With the periods in `rows`: period, first day, and then as the rows of days."""
        found = StoredDays.of(
            (day, f"{channel}|{period}", zone, is_final, version)
            for period, day, channel, zone, is_final, version in rows
        )
        return StoredDays(self.final | found.final, self.versions, found.versions)

    def version_of(self, request: DayRequest) -> str | None:
        """The version of the row of a request; None if the table does not have it."""
        key = request.series, request.day
        return self.versions.get(key) or self.periods.get(key)

    @property
    def zones(self) -> list[str]:
        """The zones that are stored, that with the most rows first."""
        rows = Counter(series.partition("|")[0] for series, _ in self.versions)
        return sorted(rows, key=lambda zone: (-rows[zone], zone))

    @property
    def first_day(self) -> date | None:
        """The first day that is stored; None if there is none."""
        return min((day for _, day in self.versions), default=None)


@dataclass(frozen=True)
class DayRequest:
    """The totals of one day; `is_final` if the day and its lookback have passed."""

    table: ClassVar[Table] = ANALYTICS

    bot_id: int
    day: date
    channel: str
    timezone: str
    is_final: bool

    @property
    def last_day(self) -> date:
        """The last day that is counted."""
        return self.day

    def query(self) -> Row:
        """The body: `from` and `to` are the first and last day, both included."""
        return {
            "bot_id": self.bot_id,
            "from": self.day.isoformat(),
            "to": self.last_day.isoformat(),
            "channel": self.channel,
            "timezone": self.timezone,
        }

    @property
    def key(self) -> Row:
        """What tells the request from others of the bot, as columns of `rejected`."""
        return {"date": self.day, "channel": self.channel, "timezone": self.timezone}

    @property
    def columns(self) -> Row:
        """The columns of the row that the response does not have."""
        return self.key

    def decode(self, body: bytes) -> Decoded:
        """The JSON object in `body`; if it is nested too deep, the record of it.

        Raises:
            ValueError: the body is not JSON.
            WrongShapeError: its totals may be of another bot or day.
        """
        try:
            value, needs_sanitizing = decode(body)
        except ValueError:
            if nesting(body) <= MAX_NESTING:
                raise
            value = {name: told(body, name) for name in ("botId", "from", "to")}
            value["analytics"], needs_sanitizing = {}, None
        problem = self.problem(value)
        if problem:
            raise WrongShapeError(problem)
        if needs_sanitizing is None or is_too_deep(value):
            return rejected_day(body, self.key)
        return value, needs_sanitizing

    def problem(self, value: Any) -> str | None:
        """Why the totals in a response may be of another bot or day; None if they are not."""
        if not isinstance(value, dict):
            return "the body is not an object"
        if str(value.get("botId")) != str(self.bot_id):
            return "`botId` is not the one in the request"
        for name, day in (("from", self.day), ("to", self.last_day)):
            # a date-time is accepted, too: it begins with the day
            if str(value.get(name))[:10] != day.isoformat():
                return f"`{name}` is not the day in the request"
        if not isinstance(value.get("analytics"), dict):
            return "`analytics` is not an object"
        return None

    @property
    def series(self) -> str:
        """Key of this channel and zone."""
        return series_of(self.timezone, self.channel)

    def __str__(self) -> str:
        return f"bot {self.bot_id}, {self.channel}, {self.day}"


@dataclass(frozen=True)
class Day:
    """A day that was read; `totals` is None if the table has the same totals already.

    `rejected` has the response if it cannot be loaded. `read_at` is when it arrived.
    """

    totals: DayTotals | None = field(repr=False)
    replaced_characters: int
    size: int
    tries: int
    read_at: datetime
    rejected: RejectedRecord | None = None


@dataclass(frozen=True)
class DayReader:
    """Reads days; `stored` has the versions of the rows in the table, made by `sealed`."""

    stored: StoredDays
    sealed: Callable[[str], str] = str

    def read(self, request: DayRequest, client: ChatislavClient) -> Day:
        """Fetch the day's totals.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        return self.parse(request, client.post(PATH, request.query(), str(request), request.decode))

    def parse(self, request: DayRequest, response: ApiResponse[Decoded]) -> Day:
        """The day in `response`."""
        size, tries, read_at = response.size, response.tries, response.read_at
        if isinstance(response.value, RejectedRecord):
            return Day(None, 0, size, tries, read_at, response.value)
        value, needs_sanitizing = response.value
        value, replaced = sanitized(value) if needs_sanitizing else (value, 0)
        version = self.sealed(version_of({"answer": value, "is_final": request.is_final}, UTC))
        own = {
            "bot_id": request.bot_id,
            **request.columns,
            "is_final": request.is_final,
            VERSION.name: version,
        }
        is_stored = self.stored.version_of(request) == version
        totals = None if is_stored else DayTotals(value, own, read_at)
        return Day(totals, replaced, size, tries, read_at)
