"""Adapts the request rate and the concurrency to the limits of an API.

Pure: the caller passes the times, which are seconds of any monotonic clock.

The concurrency grows with each successful request and is halved when one is throttled (HTTP 429 or
503). After the first throttled request there is also a rate in requests per second, which is
adjusted once per epoch. After an epoch with too many throttled requests, the rate is decreased to
the last rate without throttled requests, or to the rate of successful requests. After an epoch
without throttled requests it approaches the rate that failed, stays slightly below it for some
time, and then increases in small steps. If a lower rate does not reduce the share of throttled
requests, they do not depend on the rate, and are tolerated.
"""

from __future__ import annotations

from math import inf

START_CONCURRENCY = 2  # requests in flight before the first response

EPOCH_SECONDS, LONGEST_EPOCH_SECONDS = 2.0, 10.0
EPOCH_REQUESTS = 10  # fewest in an epoch, unless it reaches the longest time
EPOCH_REQUESTS_TOLERANT = (
    60  # likewise while throttling is tolerated, to reduce the effect of chance
)
MAX_THROTTLED_SHARE = 0.05  # of an epoch's requests
MARGIN = 0.95  # of a rate that is known to be slightly too high
APPROACH_SHARE = 0.4  # of the distance to the rate that failed, after each clean epoch
CLOSE_SHARE = 0.9  # of the rate that failed; from here on the rate stays constant for some time
FIRST_GROWTH, LARGEST_GROWTH = 0.02, 0.5  # per clean epoch after the hold
FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS = 4.0, 60.0
LOWEST_RATE = 0.2  # requests per second, while every request is throttled
CUTS_TO_GIVE_UP, MOST_CUTS_TO_GIVE_UP = (
    3,
    8,
)  # decreases, less clean epochs; then the rate is not the cause
SURELY_FAILING = 1.25  # times the rate of successful requests; fails at any higher sent rate
MAX_CHANCE_SHARE = 0.6  # a greater share of throttled requests depends on the rate
MAX_CATCH_UP_SECONDS = 0.002  # delay of a thread that the next request compensates


class ConcurrencyLimit:
    """Decides when the next request may start: by requests in flight, rate and pause.

    `paused_until` is the time until which Retry-After forbids requests.
    """

    def __init__(self, max_in_flight: int, now: float) -> None:
        self.paused_until = -inf
        self.rate = AdaptiveRate(now)
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._limit = float(min(START_CONCURRENCY, max_in_flight))
        self._was_throttled = False
        self._halved_at = -inf

    def delay(self, now: float) -> float:
        """Seconds until a request may start; infinite if another one must finish first."""
        delay = max(self.paused_until, self.rate.next_start) - now
        if delay > 0:
            return delay
        return 0.0 if self._in_flight < int(self._limit) else inf

    def on_start(self, now: float) -> None:
        """Count a request that starts."""
        self._in_flight += 1
        self.rate.on_start(now)

    def on_finish(self) -> None:
        """Count a request that is no longer in flight, whatever its result."""
        self._in_flight -= 1

    def on_success(self, now: float, started_at: float) -> None:
        """Record that a request succeeded."""
        step = 1.0 / self._limit if self._was_throttled else 1.0
        self._limit = min(self._limit + step, float(self._max_in_flight))
        self.rate.observe(now, started_at, is_success=True)

    def on_throttle(self, now: float, started_at: float, retry_after: float | None) -> None:
        """Record that a request was throttled; `retry_after` is in seconds, None if not given."""
        self._was_throttled = True
        # requests that were in flight together are throttled for the same reason, so the limit is
        # halved once; and where a rate limits the requests, the concurrency need not
        has_rate = self.rate.per_second is not None or self.rate.tolerates_throttling
        if started_at >= self._halved_at and not has_rate:
            self._limit = max(1.0, self._limit / 2)
            self._halved_at = now
        self.rate.observe(now, started_at, is_success=False)
        if retry_after is not None:
            self.paused_until = max(self.paused_until, now + retry_after)
            self.rate.start_epoch(self.paused_until)


class Epoch:
    """Results of the requests that started at `started_at` or later."""

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.successes = 0
        self.throttled = 0
        self._last_start = started_at

    @property
    def requests(self) -> int:
        """Requests with a result."""
        return self.successes + self.throttled

    def count(self, started_at: float, is_success: bool) -> None:
        """Add a result."""
        self._last_start = max(self._last_start, started_at)
        self.successes += is_success
        self.throttled += not is_success

    def sent_per_second(self, now: float) -> float:
        """The rate at which the counted requests were started."""
        seconds = now - self.started_at
        return self.requests / max(self._last_start - self.started_at, seconds / 2)


class AdaptiveRate:
    """Finds the highest rate at which requests are not throttled.

    `per_second` is None until requests are throttled; `next_start` is the earliest time of
    the next request.
    """

    def __init__(self, now: float) -> None:
        self.per_second: float | None = None
        self.next_start = -inf
        self._epoch = Epoch(now)
        self._clean_rate: float | None = None  # the last rate without a throttled request
        self._failed_rate = inf  # the last rate with too many throttled requests
        self._growth = FIRST_GROWTH
        self._hold_seconds = FIRST_HOLD_SECONDS
        self._hold_until = -inf
        self._cuts = 0  # in a row
        self._doubt = 0  # decreases, less the epochs without one: doubt that the rate is the cause
        self._doubt_to_give_up = CUTS_TO_GIVE_UP
        self._tolerated_share = 0.0

    def start_epoch(self, now: float) -> None:
        """Start a new epoch; results of requests that started before `now` are ignored."""
        self._epoch = Epoch(now)

    @property
    def tolerates_throttling(self) -> bool:
        """Whether throttled requests are tolerated, as there are no more than expected."""
        expected = self._tolerated_share * self._epoch.requests
        return self._tolerated_share > 0 and self._epoch.throttled <= max(2.0, expected)

    def on_start(self, now: float) -> None:
        """Count a request that starts, and set the earliest time of the next one."""
        if self.per_second is not None:
            interval = 1.0 / self.per_second
            late = min(MAX_CATCH_UP_SECONDS, interval / 10)
            self.next_start = max(self.next_start, now - late) + interval

    def observe(self, now: float, started_at: float, is_success: bool) -> None:
        """Record that a request succeeded or was throttled."""
        epoch = self._epoch
        if started_at < epoch.started_at:
            return
        epoch.count(started_at, is_success)
        seconds = now - epoch.started_at
        enough = EPOCH_REQUESTS_TOLERANT if self._tolerated_share else EPOCH_REQUESTS
        is_full = seconds >= EPOCH_SECONDS and epoch.requests >= enough
        if is_full or seconds >= LONGEST_EPOCH_SECONDS:
            self._adjust(now, epoch)
            self.start_epoch(now)

    def _adjust(self, now: float, epoch: Epoch) -> None:
        throttled_share = epoch.throttled / epoch.requests
        is_single = epoch.throttled <= 1 and epoch.requests > EPOCH_REQUESTS
        if throttled_share > max(MAX_THROTTLED_SHARE, self._tolerated_share) and not is_single:
            sent = epoch.sent_per_second(now)
            self._decrease(now, throttled_share, min(sent, self.per_second or sent))
        elif self.per_second is not None:
            self._cuts, self._doubt = 0, max(0, self._doubt - 1)
            if not throttled_share:
                self._clean_rate = self.per_second
                self.per_second = self._increased(now, self.per_second)

    def _decrease(self, now: float, throttled_share: float, sent: float) -> None:
        if self._tolerated_share:
            self._stop_tolerating()
        self._cuts += 1
        self._doubt += 1
        if self._doubt >= self._doubt_to_give_up and throttled_share < MAX_CHANCE_SHARE:
            self._tolerate(throttled_share)
            return
        rate = self.per_second or sent
        successful = sent * (1 - throttled_share)
        if self._cuts == 1 or throttled_share < 1:
            # without a rate it is not known which rates below `sent` would have failed too
            is_known = self.per_second or not successful
            self._failed_rate = rate if is_known else min(sent, successful * SURELY_FAILING)
        self.per_second = max(LOWEST_RATE, self._decreased(rate, successful))
        self._growth = FIRST_GROWTH
        self._hold_until = now + self._hold_seconds
        self._hold_seconds = min(self._hold_seconds * 2, LONGEST_HOLD_SECONDS)

    def _decreased(self, rate: float, successful: float) -> float:
        if not successful:
            return rate / 2
        if self._cuts == 1 and self._clean_rate:
            return min(self._clean_rate, rate * MARGIN)
        return successful * MARGIN**self._cuts  # lower each time, until the API has caught up

    def _tolerate(self, throttled_share: float) -> None:
        """Remove the rate limit, until a clearly greater share is throttled."""
        self.per_second, self.next_start, self._cuts, self._doubt = None, -inf, 0, 0
        self._tolerated_share = min(0.9, 1.5 * throttled_share + 0.05)

    def _stop_tolerating(self) -> None:
        """Limit the rate again; the next time, more decreases are needed to remove the limit."""
        self._doubt_to_give_up = min(self._doubt_to_give_up + 1, MOST_CUTS_TO_GIVE_UP)
        self._tolerated_share, self._cuts, self._doubt, self._clean_rate = 0.0, 0, 0, None

    def _increased(self, now: float, rate: float) -> float:
        failed = self._failed_rate
        if rate < CLOSE_SHARE * failed:
            return min(rate + APPROACH_SHARE * (failed - rate), failed * MARGIN)
        if now < self._hold_until:
            return rate
        increased = rate * (1 + self._growth)
        self._growth = min(self._growth * 2, LARGEST_GROWTH)
        if increased > 1.5 * failed:  # the API has raised its limit
            self._hold_seconds, self._failed_rate = FIRST_HOLD_SECONDS, increased
        return increased
