"""What: the totals of one bot, one day and one channel, one request and one row each.

Facts are from `POST /analytics`. Which days are read is decided here too: every day that is not
final, so that a gap is found however it came to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from chatislav_source.api.client import ANALYTICS_PATH, ApiResponse, ChatislavClient, Row
from chatislav_source.errors import ChatislavError, WrongShapeError
from chatislav_source.records.convert import cleaned
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.tolerant_rows import DayTotals, digest_of
from chatislav_source.streams.date_window import (
    ONE_DAY,
    DateWindow,
    days_of,
    merged,
    missing_days,
    without,
)
from chatislav_source.streams.state import State

PATH = ANALYTICS_PATH
VERSION = 1
MAX_FAILED_DAYS = 3  # in a row: then it is not the day


@dataclass(frozen=True)
class DayRequest:
    """The totals of one day; `is_final` if the day and its lookback have passed."""

    bot_id: int
    day: date
    channel: str
    timezone: str
    is_final: bool

    def query(self) -> Row:
        """The body: `from` and `to` are the same day, which includes the whole of it."""
        day = self.day.isoformat()
        return {
            "bot_id": self.bot_id,
            "from": day,
            "to": day,
            "channel": self.channel,
            "timezone": self.timezone,
        }

    def decode(self, body: bytes) -> tuple[Row, bool]:
        """The JSON object in `body`, and whether texts in it need `cleaned`.

        Raises:
            ValueError: the body is no JSON.
            WrongShapeError: its totals may be another day's.
        """
        value, needs_cleaning = decode(body)
        problem = self.problem(value)
        if problem:
            raise WrongShapeError(problem)
        return value, needs_cleaning

    def problem(self, value: Any) -> str | None:
        """What is wrong with an answer, so that its totals may be another day's; else None."""
        if not isinstance(value, dict):
            return "the body is not an object"
        day = self.day.isoformat()
        if str(value.get("botId")) != str(self.bot_id):
            return "`botId` is not the one asked for"
        for name in ("from", "to"):
            # an API that answers with a date-time still names the day
            if str(value.get(name))[:10] != day:
                return f"`{name}` is not the day asked for"
        if not isinstance(value.get("analytics"), dict):
            return "`analytics` is not an object"
        return None

    @property
    def series(self) -> str:
        """Name of the days of this channel and zone in the state."""
        return f"{self.timezone}|{self.channel}"

    def __str__(self) -> str:
        return f"bot {self.bot_id}, {self.channel}, {self.day}"


@dataclass(frozen=True)
class Day:
    """A day that was read; no totals if they are loaded already as they are."""

    totals: DayTotals | None = field(repr=False)
    digest: str
    replaced_characters: int
    size: int
    tries: int


@dataclass(frozen=True)
class DayReader:
    """Reads days; `loaded` are digests of what is loaded, by series and day."""

    loaded: dict[str, dict[str, str]]

    def read(self, request: DayRequest, client: ChatislavClient) -> Day:
        """The day's totals, fetched.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        return self.parse(request, client.post(PATH, request.query(), str(request), request.decode))

    def parse(self, request: DayRequest, answer: ApiResponse[tuple[Row, bool]]) -> Day:
        """The totals that `answer` holds."""
        value, needs_cleaning = answer.value
        value, replaced = cleaned(value) if needs_cleaning else (value, 0)
        digest = digest_of({"answer": value, "is_final": request.is_final}).hex()
        known = self.loaded.get(request.series, {}).get(request.day.isoformat())
        own = {
            "bot_id": request.bot_id,
            "date": request.day,
            "channel": request.channel,
            "timezone": request.timezone,
            "is_final": request.is_final,
        }
        totals = None if known == digest else DayTotals(value, own, answer.read_at)
        return Day(totals, digest, replaced, answer.size, answer.tries)


def fresh(bot_id: int, api: str) -> State:
    """The state of a bot whose analytics were never read."""
    return {
        "version": VERSION,
        "bot_id": bot_id,
        "api": api,
        "series": {},
        "backfill": None,
        "error": None,
    }


def restored(stored: Any, bot_id: int, api: str, today: date) -> tuple[State, str | None]:
    """`stored` if it can be trusted, else a fresh state and why it could not."""
    if stored is None:
        return fresh(bot_id, api), None
    try:
        problem = _problem(stored, bot_id, api, today)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"it is damaged ({type(error).__name__})"
    return (fresh(bot_id, api), problem) if problem else (dict(stored), None)


def _problem(stored: State, bot_id: int, api: str, today: date) -> str | None:
    if stored["version"] != VERSION:
        return f"it is of version {stored['version']!r}, this is version {VERSION}"
    if (stored["bot_id"], stored["api"]) != (bot_id, api):
        return "it is of another bot or another API"
    if set(stored) != set(fresh(bot_id, api)):
        return "it is damaged"
    backfill = stored["backfill"]
    if backfill is not None:
        DateWindow.parse(backfill["range"])
    for series in (stored["series"], backfill["series"] if backfill else {}):
        problem = next(
            filter(None, (_series_problem(each, today) for each in series.values())), None
        )
        if problem:
            return problem
    return None


def _series_problem(series: State, today: date) -> str | None:
    if not all(isinstance(digest, str) for digest in series["digests"].values()):
        return "it is damaged"
    for window in map(DateWindow.parse, series["final"]):
        if window.last_day is None or window.last_day > today:
            return "a day of the future is final in it"
    return None


def is_final(day: date, today: date, lookback_days: int) -> bool:
    """Whether `day` has ended by `today`, in its own zone, and its lookback has passed."""
    return day < today - timedelta(days=lookback_days)


def days_to_read(
    series: State | None, first_day: date, last_day: date, today: date, lookback_days: int
) -> list[date]:
    """Days from `first_day` to `last_day`, both included, that are not loaded for good.

    Those within the lookback are not, also if an earlier, shorter one had passed them.
    """
    final = [DateWindow.parse(text) for text in (series or {}).get("final", ())]
    lookback_from = today - timedelta(days=lookback_days)
    missing = missing_days(first_day, min(last_day, lookback_from - ONE_DAY), final)
    return missing + list(days_of(max(first_day, lookback_from), min(last_day, today)))


def with_day(series: State | None, request: DayRequest, digest: str) -> State:
    """The days of a series after one was read: a final one is a day of a window, else a digest."""
    day = request.day
    known = series or {"final": [], "digests": {}}
    digests = {name: value for name, value in known["digests"].items() if name != str(day)}
    windows = [DateWindow.parse(text) for text in known["final"]]
    if request.is_final:
        final = merged([*windows, DateWindow(day, day)])
    else:
        final = without(windows, day)
        digests[str(day)] = digest
    return {"final": [str(window) for window in final], "digests": digests}


class AnalyticsPartition:
    """Reads the days in `requests`, and notes them where `note` says in the state."""

    def __init__(
        self,
        bot_state: State,
        requests: Sequence[DayRequest],
        reader: DayReader,
        note: Callable[[State, DayRequest, str], State],
        finish: Callable[[State], State],
    ) -> None:
        self.bot_id: int = bot_state["bot_id"]
        self.state = bot_state
        self.error: ChatislavError | None = None
        self.warnings: list[str] = []
        self.done = not requests
        self.reader = reader
        self._note = note
        self._finish = finish
        self._todo = list(requests)
        self._in_flight = 0
        self._failed: list[ChatislavError] = []
        self._failed_in_a_row = 0
        if self.done:
            self.state = finish(bot_state)

    def next_request(self) -> DayRequest | None:
        """The next day to read, newest first; None if all were asked for."""
        if self.error or not self._todo:
            return None
        self._in_flight += 1
        return self._todo.pop()

    def read(self, request: DayRequest, client: ChatislavClient) -> Day:
        """The day's totals, fetched.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        return self.reader.read(request, client)

    def on_page(self, request: DayRequest, day: Day) -> State:
        """The bot's state after `day`."""
        self._in_flight -= 1
        self._failed_in_a_row = 0
        self.state = self._note(self.state, request, day.digest)
        return self._settle()

    def on_error(self, request: DayRequest, error: ChatislavError) -> State:
        """The bot's state after a day could not be read; the other days are still tried."""
        del request  # it is not noted, so the next run finds it missing
        self._in_flight -= 1
        self._failed.append(error)
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= MAX_FAILED_DAYS:
            self.error = error
        return self._settle()

    def abort(self, error: ChatislavError) -> None:
        """Read no more of this bot in this run."""
        self.error = error
        self.state = {**self.state, "error": str(error)}

    def _settle(self) -> State:
        through = not self._todo and not self._in_flight
        if through and self._failed and not self.error:
            self.error = self._failed[0]
        if through and not self.error:
            self.done = True
            self.state = {**self._finish(self.state), "error": None}
        elif self.error:
            self.state = {**self.state, "error": str(self.error)}
        return self.state


def sync_requests(
    bot_state: State,
    channels: Iterable[str],
    timezone: str,
    days: tuple[date, date],
    today: date,
    lookback_days: int,
) -> list[DayRequest]:
    """One request per channel and day of `days` (first, last) that is not final, oldest first."""
    return [
        DayRequest(bot_state["bot_id"], day, channel, timezone, is_final(day, today, lookback_days))
        for channel in channels
        for day in days_to_read(
            bot_state["series"].get(f"{timezone}|{channel}"), *days, today, lookback_days
        )
    ]
