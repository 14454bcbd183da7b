"""Windows of whole days and instants as text; pure, the current time is always passed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import zip_longest

import pendulum

ONE_DAY = timedelta(days=1)
ALL = "all"  # no filter
CHANNELS = ("widget", "whatsapp", "viber", "instagram", "facebook", "telegram")
"""Every channel of a conversation that the API documents."""
RESOLUTION_STATUSES = ("unresolved", "resolved")  # in the order in which they follow each other
INSTANT = "YYYY-MM-DD[T]HH:mm:ss[Z]"


@dataclass(frozen=True, order=True)
class DateWindow:
    """Whole days from `first_day` to `last_day`, both included, as the API counts them.

    `last_day` None means no end, so that rows are included also if the API's clock is ahead.
    `channel` and `resolution_status` filter the conversations; "all" means no filter.
    """

    first_day: date
    last_day: date | None
    channel: str = ALL
    resolution_status: str = ALL

    def __str__(self) -> str:
        filters = [each for each in (self.channel, self.resolution_status) if each != ALL]
        return " ".join([f"{self.first_day}/{self.last_day or '..'}", *filters])

    @classmethod
    def parse(cls, text: str) -> DateWindow:
        """The window written as text by `str`.

        Raises:
            ValueError: the text is not `first/last` or `first/..`, or ends before it begins.
        """
        first, _, last = text.partition("/")
        if not last:
            raise ValueError(f"{text!r} is not a window of days")
        window = cls(date.fromisoformat(first), None if last == ".." else date.fromisoformat(last))
        if window.days < 1:
            raise ValueError(f"{text!r} ends before it begins")
        return window

    @property
    def is_filtered(self) -> bool:
        """Whether it has only a part of the conversations of its days."""
        return (self.channel, self.resolution_status) != (ALL, ALL)

    @property
    def unfiltered(self) -> DateWindow:
        """The same days with all conversations."""
        return DateWindow(self.first_day, self.last_day)

    def filtered(self) -> list[DateWindow]:
        """The window by channel, or if it has one channel, by resolution status; else empty."""
        if self.channel == ALL:
            return [replace(self, channel=each) for each in CHANNELS]
        if self.resolution_status == ALL:
            return [replace(self, resolution_status=each) for each in RESOLUTION_STATUSES]
        return []

    @property
    def days(self) -> int:
        """How many days; a window without end counts as one."""
        return (self.last_day - self.first_day).days + 1 if self.last_day else 1

    def contains(self, day: date) -> bool:
        """Whether `day` is in the window, both ends included."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)

    def ends_before(self, day: date) -> bool:
        """Whether every day of the window is before `day`; False if the window has no end."""
        return self.last_day is not None and self.last_day < day

    def widened(self, days: int) -> DateWindow:
        """The window with `days` more on each side."""
        margin = timedelta(days=days)
        return DateWindow(
            self.first_day - margin, self.last_day + margin if self.last_day else None
        )

    def halves(self) -> list[DateWindow]:
        """Two windows that cover the same days; only itself if it has one day or no end."""
        if self.last_day is None or self.days == 1:
            return [self]
        middle = self.first_day + timedelta(days=(self.days // 2) - 1)
        return [DateWindow(self.first_day, middle), DateWindow(middle + ONE_DAY, self.last_day)]

    def split_first_day(self) -> list[DateWindow]:
        """Two windows that cover the same days: the first day, and the days after it."""
        return [
            DateWindow(self.first_day, self.first_day),
            DateWindow(self.first_day + ONE_DAY, self.last_day),
        ]

    def take_last(self, days: int) -> tuple[DateWindow, DateWindow | None]:
        """The newest `days` days, and the window before them (None if it is empty)."""
        if self.last_day is None or self.days <= days:
            return self, None
        cut = self.last_day - timedelta(days=days - 1)
        return DateWindow(cut, self.last_day), DateWindow(self.first_day, cut - ONE_DAY)


def days_of(first_day: date, last_day: date) -> Iterator[date]:
    """Each day from `first_day` to `last_day`, both included, oldest first."""
    for n in range((last_day - first_day).days + 1):
        yield first_day + timedelta(days=n)


def merged(windows: Iterable[DateWindow]) -> list[DateWindow]:
    """The fewest windows that cover exactly the same days, oldest first, without filters."""
    result: list[DateWindow] = []
    whole = [window.unfiltered for window in windows]
    for window in sorted(whole, key=lambda window: window.first_day):
        previous = result[-1] if result else None
        if previous is None or _is_gap(previous.last_day, window.first_day):
            result.append(window)
        else:
            last_day = _later(previous.last_day, window.last_day)
            result[-1] = DateWindow(previous.first_day, last_day)
    return result


def windows_since(windows: Iterable[DateWindow], first_day: date) -> list[DateWindow]:
    """What is left of the windows without the days before `first_day`, in the same order."""
    return [
        replace(window, first_day=max(window.first_day, first_day))
        for window in windows
        if not window.ends_before(first_day)
    ]


def coarser(windows: Iterable[DateWindow], most: int) -> list[DateWindow]:
    """At most `most` windows that cover at least the same days, oldest first."""
    result = sorted(set(windows), key=lambda window: window.first_day)
    while len(result) > most:
        pairs = zip_longest(result[::2], result[1::2], fillvalue=result[-1])
        result = [
            DateWindow(one.first_day, _later(one.last_day, other.last_day)) for one, other in pairs
        ]
    return result


def _is_gap(last_day: date | None, next_day: date) -> bool:
    return last_day is not None and next_day - last_day > ONE_DAY


def _later(one: date | None, other: date | None) -> date | None:
    return max(one, other) if one and other else None


def missing_days(first_day: date, last_day: date, present: Iterable[DateWindow]) -> list[date]:
    """Days from `first_day` to `last_day`, both included, that no window in `present` contains."""
    windows = list(present)
    return [
        day
        for day in days_of(first_day, last_day)
        if not any(window.contains(day) for window in windows)
    ]


def utc_text(instant: datetime) -> str:
    """An instant as ISO text in UTC, to the second, ending in Z."""
    return pendulum.instance(instant).in_timezone("UTC").format(INSTANT)


def utc_instant(text: str) -> pendulum.DateTime:
    """The instant that `utc_text` wrote as `text`, in UTC.

    Raises:
        ValueError: the text has another format.
    """
    return pendulum.from_format(text, INSTANT)
