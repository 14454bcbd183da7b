"""The partition of one bot's analytics: single days, newest first, and then periods.

A sync reads what is missing before what it reads again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chatislav_source.api.client import ChatislavClient
from chatislav_source.errors import ChatislavError
from chatislav_source.streams.analytics.day import Day, DayReader, DayRequest
from chatislav_source.streams.analytics.state import with_read
from chatislav_source.streams.state import State

MAX_FAILED_DAYS = 3  # in a row; then the cause is not the day


class AnalyticsPartition:
    """Reads the days and periods in `requests`; if `is_backfill`, the state has those it read.

    `last_day` is the last day to read, in the zone of the requests.
    """

    def __init__(
        self,
        bot_state: State,
        requests: Sequence[DayRequest],
        reader: DayReader,
        last_day: date,
        is_backfill: bool = False,
    ) -> None:
        self.bot_id: int = bot_state["bot_id"]
        self.state = bot_state
        self.error: ChatislavError | None = None
        self.warnings: list[str] = []
        self.done = not requests
        self.last_day = last_day
        self._reader = reader
        self._is_backfill = is_backfill
        self._todo = list(requests)
        self._in_flight = 0
        self._failed: list[ChatislavError] = []
        self._failed_in_a_row = 0
        if self.done:
            self.state = self._finished()

    def next_request(self) -> DayRequest | None:
        """The next day or period to read; None if all were requested."""
        if self.error or not self._todo:
            return None
        self._in_flight += 1
        return self._todo.pop()

    def read(self, request: DayRequest, client: ChatislavClient) -> Day:
        """Fetch the day's totals.

        Raises:
            ChatislavError: as `ChatislavClient.post` says.
        """
        return self._reader.read(request, client)

    def on_page(self, request: DayRequest, day: Day) -> State:
        """The bot's state after `day`."""
        del day
        self._in_flight -= 1
        self._failed_in_a_row = 0
        if self._is_backfill:
            self.state = {**self.state, "backfill": with_read(self.state["backfill"], request)}
        return self._settle()

    def on_error(self, request: DayRequest, error: ChatislavError) -> State:
        """The bot's state after a day could not be read; the other days are still tried."""
        del request  # not in the state, so the next run reads the day again
        self._in_flight -= 1
        self._failed.append(error)
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= MAX_FAILED_DAYS:
            self.error = error
        return self._settle()

    def abort(self, error: ChatislavError) -> None:
        """Stop the partition for the rest of the run."""
        self.error = error
        self.state = {**self.state, "error": str(error)}

    def _settle(self) -> State:
        is_all_read = not self._todo and not self._in_flight
        if is_all_read and self._failed and not self.error:
            self.error = self._failed[0]
        if is_all_read and not self.error:
            self.done = True
            self.state = {**self._finished(), "error": None}
        elif self.error:
            self.state = {**self.state, "error": str(self.error)}
        return self.state

    def _finished(self) -> State:
        return {**self.state, "backfill": None} if self._is_backfill else self.state
