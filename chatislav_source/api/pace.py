"""Decides when the next request may start: by requests in flight, rate and Retry-After.

Pure: the caller passes the times, which are seconds of any monotonic clock.

The number of requests in flight starts low and grows by one with each success, as in the slow start
of TCP (RFC 9293). A refusal first lowers the rate (`adaptive_rate`). Some APIs limit the number of
concurrent requests instead. They show it while the rate is limited: requests that start when many
are in flight are refused, and others are not. Then the number in flight is limited, the rate is
not, and one more is tried from time to time: additive increase, and decrease by one, as the number
that works is known.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from chatislav_source.api.adaptive_rate import AdaptiveRate

START_CONCURRENCY = 2  # requests in flight before the first response

ENOUGH_REFUSALS = 3  # before the number in flight is taken for the cause
ENOUGH_RESULTS = 8  # with fewer in flight
REFUSED_SHARE, OTHER_REFUSED_SHARE = 0.3, 0.15  # with as many in flight, and with fewer
ENOUGH_TO_RAISE = 10  # successes with one more in flight
FIRST_HOLD, LONGEST_HOLD = 40, 2560  # successes before one more is tried
PAUSES_PER_HOLD = 10  # a refusal costs the pause of Retry-After, so it must be rare


class Start(NamedTuple):
    """The start of a request: its time, and the number then in flight, with this request."""

    at: float
    in_flight: int


class ConcurrencyLimit:
    """Finds the number of concurrent requests that an API allows, at most `max_in_flight`."""

    def __init__(self, max_in_flight: int) -> None:
        self.limit = min(START_CONCURRENCY, max_in_flight)
        self.allowed: int | None = None  # found by refusals; None: not a cause of refusals
        self._max_in_flight = max_in_flight
        self._successes = [0] * (max_in_flight + 1)  # by the number in flight at the start
        self._refusals = [0] * (max_in_flight + 1)
        self._hold = self._next_hold = FIRST_HOLD
        self._hold_until = -inf

    def on_success(self, now: float, in_flight: int, counts: bool) -> None:
        """Record a success; `counts`: the rate was limited when the request started."""
        if self.allowed is None:
            self.limit = min(self.limit + 1, self._max_in_flight)
            self._successes[in_flight] += counts
            return
        self._successes[in_flight] += 1
        self._hold -= 1
        if in_flight > self.allowed and self._works(in_flight):
            self.allowed = in_flight
            self._hold = self._next_hold = FIRST_HOLD
        elif self._hold <= 0 and now >= self._hold_until and self.limit == self.allowed:
            self._try_one_more()

    def _works(self, in_flight: int) -> bool:
        good, refused = self._successes[in_flight], self._refusals[in_flight]
        return good >= ENOUGH_TO_RAISE and refused < REFUSED_SHARE * (good + refused)

    def _try_one_more(self) -> None:
        self.limit = min(self.limit + 1, self._max_in_flight)
        for counts in (self._successes, self._refusals):
            counts[self.limit :] = [0] * len(counts[self.limit :])

    def explains(self, now: float, in_flight: int, pause: float, counts: bool) -> bool:
        """Record a refusal; whether the number in flight is the cause.

        `pause` is the Retry-After in seconds. `counts`: the rate was limited at the start.
        """
        if self.allowed is None and not counts:
            return False
        self._refusals[in_flight] += 1
        if not self._is_too_many(in_flight):
            return self.allowed is not None and in_flight > self.allowed
        self.limit = self.allowed = in_flight - 1
        self._hold, self._next_hold = self._next_hold, min(2 * self._next_hold, LONGEST_HOLD)
        self._hold_until = now + PAUSES_PER_HOLD * pause
        return True

    def _is_too_many(self, in_flight: int) -> bool:
        refused = sum(self._refusals[in_flight:])
        results = refused + sum(self._successes[in_flight:])
        others_refused = sum(self._refusals[:in_flight])
        others = others_refused + sum(self._successes[:in_flight])
        return (
            in_flight > 1
            and refused >= (ENOUGH_REFUSALS if self.allowed is None else 1)
            and refused >= REFUSED_SHARE * results
            and others >= ENOUGH_RESULTS
            and others_refused <= OTHER_REFUSED_SHARE * others
        )


class Pace:
    """Decides when the next request may start.

    `max_in_flight` limits the requests in flight; `ceiling` limits the rate in requests per second,
    None for no ceiling. `paused_until` is the time until which Retry-After forbids requests.
    """

    def __init__(self, max_in_flight: int, now: float, ceiling: float | None = None) -> None:
        self.paused_until = -inf
        self.rate = AdaptiveRate(now, ceiling)
        self.concurrency = ConcurrencyLimit(max_in_flight)
        self._in_flight = 0

    def delay(self, now: float) -> float:
        """Seconds until a request may start; infinite if another one must finish first."""
        delay = max(self.paused_until, self.rate.next_start) - now
        if delay > 0:
            return delay
        return 0.0 if self._in_flight < self.concurrency.limit else inf

    def on_start(self, now: float) -> Start:
        """Count a request that starts."""
        self._in_flight += 1
        self.rate.on_start(now)
        return Start(now, self._in_flight)

    def on_finish(self) -> None:
        """Count a request that is no longer in flight, whatever its result."""
        self._in_flight -= 1

    def on_success(self, now: float, start: Start) -> None:
        """Record that a request succeeded."""
        self.concurrency.on_success(now, start.in_flight, self._is_paced(start))
        self.rate.on_success()

    def on_refused(
        self, now: float, start: Start, retry_after: float | None, is_limit: bool
    ) -> None:
        """Record that a request was refused.

        `retry_after` is in seconds, None if not given. `is_limit`: the status means a limit (429),
        and not possibly something else (503).
        """
        if retry_after is not None:
            self.paused_until = max(self.paused_until, now + retry_after)
        resume_at = max(now, self.paused_until)
        was_limited = self.concurrency.allowed is not None
        if not self.concurrency.explains(
            now, start.in_flight, resume_at - now, self._is_paced(start)
        ):
            is_explicit = is_limit or retry_after is not None
            self.rate.on_refused(now, start.at, self.paused_until, is_explicit)
        elif not was_limited:
            self.rate.forget(resume_at)

    def _is_paced(self, start: Start) -> bool:
        return self.rate.is_found and start.at >= self.rate.decided_at
