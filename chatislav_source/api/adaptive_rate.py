"""Finds the highest rate at which an API does not refuse requests.

Pure: the caller passes the times, which are seconds of any monotonic clock.

It follows CUBIC (RFC 9438), which the adaptive retry mode of the AWS SDKs applies to request rates
(botocore's `retries/adaptive.py` and `retries/throttling.py`): there is no rate until a request is
refused; a refusal sets `w_max` and lowers the rate to a share of it; with every success the rate
moves along a cubic curve, quickly back towards `w_max`, flat near it, then faster and faster past
it. It departs from botocore in these points:

- `w_max` is the geometric mean of the rate at which the request was refused and the rate of
  successes since the last refusal, the pause of Retry-After included. The first is too high, and
  the second too low where the pause was longer than the API needed.
- The curve is scaled to `w_max` and to an interval that doubles while `w_max` stays about the same,
  so that a limit of one request in two seconds is probed as seldom as one of 50 in a second.
- The clock of the curve counts successes, so that the rate does not grow while it is not used.
- A refusal without 429 or Retry-After may be a random 503. They count only if a CUSUM test (Page,
  1954) finds clearly more of them than `EXPECTED_SHARE`, and not if at a lower rate the same share
  is refused.
- With fewer than `ENOUGH_SUCCESSES` since the last refusal there is nothing to measure: the rate is
  halved, and goes back with the next success.
"""

from __future__ import annotations

from math import inf, log, sqrt

DECREASE = 0.95  # of w_max, after a refusal
GROWTH = 0.25  # of w_max, in the second interval after the rate has reached it
SHORTEST_INTERVAL_SECONDS, INTERVAL_REQUESTS = 0.3, 8  # from the decrease back to w_max, at first
LONGEST_INTERVAL_SECONDS, LONGEST_INTERVAL_REQUESTS = 20.0, 40  # likewise, after it has doubled
PAUSES_PER_INTERVAL = 10  # a refusal costs the pause of Retry-After, so it must be rare
LONGEST_INTERVAL_AFTER_PAUSE_SECONDS = 120.0
SAME_LIMIT = 1.5  # greatest ratio of two values of w_max that measure the same limit
ENOUGH_SUCCESSES = 3
ENOUGH_TO_COMPARE = 15  # successes
LOWEST_RATE = 0.2  # requests per second, while every request is refused
HIGHEST_RATE = 1e5  # requests per second; as good as no limit
MAX_CATCH_UP_SECONDS = 0.002  # delay of a thread that the next request compensates

EXPECTED_SHARE = 0.05  # of requests that have a 503 by chance
ALARM_EXCESS = 0.15  # above that share, which means a limit
HIGHEST_CHANCE_SHARE = 0.4  # a greater share means a limit
SLOWER = 0.5  # times the fastest rate: slow enough to tell whether fewer requests are refused
ALARM_LEVEL = 5.0  # of the CUSUM; higher: fewer false alarms and later true ones
LATE_ALARM_MARGIN = 0.95  # of w_max, as the test notices the limit after the rate has passed it


class CubicGrowth:
    """The rate after a refusal, as a function of the successes since."""

    def __init__(self) -> None:
        self.w_max = inf
        self._interval = 0.0  # seconds from the decrease until the rate is w_max
        self._elapsed = 0.0  # seconds that the successes took at the rate of their time

    @property
    def rate(self) -> float:
        """Requests per second."""
        intervals = self._elapsed / self._interval - 1
        scale = 1 - DECREASE if intervals < 0 else GROWTH
        return min(self.w_max * (1 + scale * intervals**3), HIGHEST_RATE)

    def count_success(self, rate: float) -> None:
        """Advance by one success at `rate` requests per second."""
        self._elapsed += 1 / rate

    def restart(self) -> None:
        """Begin again below `w_max`."""
        self._elapsed = 0.0

    def decrease(self, w_max: float, pause: float) -> None:
        """Begin again below a new `w_max`; `pause` is the Retry-After of the refusal in seconds."""
        is_same = 1 / SAME_LIMIT < w_max / self.w_max < SAME_LIMIT
        shortest = max(SHORTEST_INTERVAL_SECONDS, INTERVAL_REQUESTS / w_max)
        longest = max(
            LONGEST_INTERVAL_SECONDS,
            LONGEST_INTERVAL_REQUESTS / w_max,
            min(PAUSES_PER_INTERVAL * pause, LONGEST_INTERVAL_AFTER_PAUSE_SECONDS),
        )
        doubled = max(shortest, 2 * self._interval) if is_same else shortest
        self._interval = min(doubled, longest)
        self.w_max = w_max
        self.restart()


class RefusalAlarm:
    """Decides whether refusals are more than chance: a CUSUM test of their share."""

    def __init__(self) -> None:
        self.last_calm_rate: float | None = None  # when the level was zero the last time
        self._level = 0.0
        self._expected = EXPECTED_SHARE
        self._fastest: tuple[float, float] | None = None  # sent and accepted per second
        self._slower = SLOWER  # share of the fastest rate at which both are compared

    def count_success(self, rate: float | None) -> None:
        """Count a success at `rate` requests per second; None if there is no rate."""
        weight = log((1 - self._expected - ALARM_EXCESS) / (1 - self._expected))
        self._level = max(0.0, self._level + weight)
        if not self._level:
            self.last_calm_rate = rate

    def rings(self, is_explicit: bool) -> bool:
        """Count a refusal; whether it means a limit. An explicit one always does."""
        self._level += log((self._expected + ALARM_EXCESS) / self._expected)
        if not is_explicit and self._level < ALARM_LEVEL:
            return False
        self._level = 0.0
        return True

    def was_chance(self, sent: float, accepted: float) -> bool:
        """Whether an alarm was false: at a lower rate the same share was refused.

        `sent` and `accepted` are requests per second since the last alarm. A limit would accept as
        many as before. If it was false, that share is expected from now on.
        """
        share = 1 - accepted / sent
        self._expected = EXPECTED_SHARE
        if self._fastest is None or sent >= self._fastest[0]:
            self._fastest = sent, accepted
            return False
        slower = sent / self._fastest[0]
        if slower > self._slower or accepted > sqrt(slower) * self._fastest[1]:
            return False
        if share > HIGHEST_CHANCE_SHARE:
            return False
        self._expected, self._fastest = max(share, EXPECTED_SHARE), None
        self._slower *= SLOWER  # if this was wrong, more is needed the next time
        return True


class AdaptiveRate:
    """Decides when the next request may start, by the rate.

    `ceiling` is the highest rate in requests per second, None for no ceiling. `next_start` is the
    earliest time of the next request, `decided_at` the time from which requests tell something
    about the current rate.
    """

    def __init__(self, now: float, ceiling: float | None = None) -> None:
        self.next_start = -inf
        self.decided_at = -inf
        self._ceiling = ceiling
        self._found: float | None = None
        self._growth = CubicGrowth()
        self._alarm = RefusalAlarm()
        self._cycle_start = now  # the end of the last refusal that set w_max
        self._successes = 0  # since then
        self._chance = 0  # refusals since then that were taken for chance
        self._halvings = 0  # in a row

    @property
    def per_second(self) -> float | None:
        """The current rate; None while requests are not limited."""
        known = [rate for rate in (self._found, self._ceiling) if rate is not None]
        return min(known, default=None)

    @property
    def is_found(self) -> bool:
        """Whether a refusal has set the rate."""
        return self._found is not None

    def forget(self, now: float) -> None:
        """Start without a rate at `now`; results of requests that started before are ignored."""
        self._found = None
        self._growth = CubicGrowth()
        self._start_cycle(now)
        self.decided_at = now

    def on_start(self, now: float) -> None:
        """Count a request that starts, and set the earliest time of the next one."""
        rate = self.per_second
        if rate is not None:
            interval = 1.0 / rate
            late = min(MAX_CATCH_UP_SECONDS, interval / 10)
            self.next_start = max(self.next_start, now - late) + interval

    def on_success(self) -> None:
        """Record that a request succeeded."""
        self._alarm.count_success(self._found)
        self._successes += 1
        rate = self.per_second
        if self._found is None or rate is None:
            return
        if self._halvings:
            self._halvings = 0
            self._growth.restart()
        else:
            self._growth.count_success(rate)
        self._found = self._growth.rate

    def on_refused(
        self, now: float, started_at: float, resume_at: float, is_explicit: bool
    ) -> None:
        """Record that a request was refused.

        `resume_at` is the end of the pause of Retry-After; before `now` if there is none.
        `is_explicit`: the refusal cannot be chance, as it has status 429 or a Retry-After.
        """
        if started_at < self.decided_at:
            return
        if not self._alarm.rings(is_explicit):
            self._chance += 1
            return
        resume_at = max(now, resume_at)
        if self.is_found and not is_explicit and self._was_chance(now):
            self.forget(now)
            return
        if self.is_found and self._successes < ENOUGH_SUCCESSES:
            self._halve()
        else:
            self._decrease(self._measured(now, resume_at, is_explicit), resume_at - now)
            self._start_cycle(resume_at)
        self.decided_at = resume_at
        self.next_start = max(self.next_start, now)

    def _was_chance(self, now: float) -> bool:
        refused, seconds = self._chance + 1, max(now - self._cycle_start, 0.001)
        sent, accepted = (self._successes + refused) / seconds, self._successes / seconds
        is_enough = self._successes >= ENOUGH_TO_COMPARE
        return is_enough and self._alarm.was_chance(sent, accepted)

    def _halve(self) -> None:
        self._halvings += 1
        self._found = max(LOWEST_RATE, DECREASE * self._growth.w_max / 2**self._halvings)

    def _decrease(self, w_max: float, pause: float) -> None:
        self._growth.decrease(max(LOWEST_RATE, w_max), pause)
        self._found = self._growth.rate

    def _measured(self, now: float, resume_at: float, is_explicit: bool) -> float:
        """The limit in requests per second, by what happened since the cycle started."""
        seconds = max(now - self._cycle_start, 0.001)
        if is_explicit:
            passed = max(self._successes + self._chance, 0.5)
            sustained = passed / (seconds + resume_at - now)
            failed, margin = self.per_second or passed / seconds, 1.0
        else:
            sustained = max(self._successes, 0.5) / seconds
            failed, margin = self._alarm.last_calm_rate or sustained, LATE_ALARM_MARGIN
        return min(margin * sqrt(sustained * failed), self.per_second or inf)

    def _start_cycle(self, now: float) -> None:
        self._cycle_start = now
        self._successes = self._chance = self._halvings = 0
