"""How many workers are of use, learned from how busy they are; pure, times are seconds.

Python runs one thread at a time. While answers come at once, what takes the time is to decode them
and to make rows, and more workers only fight for the interpreter; while they wait for answers, more
of them help.
"""

from __future__ import annotations

FEWEST = 2  # one that waits for an answer while another decodes
LOOK_SECONDS = 0.1  # between two looks
BUSY = 0.5  # of the time: the rest is needed by whoever takes what was fetched
IDLE = 0.3
BEHIND = 0.8  # of the time of whoever takes what was fetched: then to fetch more is of no use
STOCKED = 0.5  # of the buffer; only with so much of it filled can more be of no use
SHORT = 0.25  # of the buffer; with less of it filled, more workers may be of use
TAKEN_SECONDS = 0.5  # over which that is seen; rows of many pages are made at once


class Company:
    """The number of workers that may be at work, at most `most`; it begins with few."""

    def __init__(self, most: int, now: float) -> None:
        self.size = min(FEWEST, most)
        self.waits = self.size == most  # for answers, all of them, as far as is known
        self._most = most
        self._looked = now
        self._cpu = 0.0
        self._got = now
        self._taker_worked = 0.0
        self._taker_waited = 0.0
        self._is_behind = False

    def worked(self, now: float, cpu: float, stock: float) -> None:
        """A worker has used the processor for `cpu` seconds; `stock` of the buffer is filled."""
        self._cpu += cpu
        elapsed = now - self._looked
        if elapsed < LOOK_SECONDS:
            return
        share = self._cpu / elapsed
        is_too_much = share > BUSY or (self._is_behind and stock > STOCKED)
        if is_too_much:
            self.size = max(min(FEWEST, self._most), self.size - 1)
        elif share < IDLE:
            self.size = min(self._most, 2 * self.size)
        elif stock < SHORT:
            self.size = min(self._most, self.size + 1)
        self.waits = self.size == self._most and not is_too_much
        self._looked, self._cpu = now, 0.0

    def took(self, asked: float, got: float) -> None:
        """Whoever takes what was fetched has asked for it at `asked`, and waited until `got`."""
        self._taker_worked += asked - self._got
        self._taker_waited += got - asked
        self._got = got
        seconds = self._taker_worked + self._taker_waited
        if seconds >= TAKEN_SECONDS:
            self._is_behind = self._taker_worked > BEHIND * seconds
            self._taker_worked = self._taker_waited = 0.0

    def load_began(self, now: float) -> None:
        """From now on things are taken; what came before was no work with them."""
        self._got = now


def workers_for(requests: int) -> int:
    """How many workers keep `requests` in flight: some decode what came meanwhile."""
    return requests + requests // 4


def requests_of(workers: int) -> int:
    """How many requests `workers_for` gave so many workers for."""
    return workers - workers // 5
