"""How fast an API may be asked, learned from what it refuses; pure, times are seconds of any clock.

Requests in flight grow while answers are good, and halve when one is refused. From the first
refusals on there is also a pace, in requests per second. It is judged once per epoch: where too
many were refused it falls back to the fastest that was clean, or to the rate of good answers; where
none was, it moves towards the pace that failed, waits near it, and then tries a little more.
Refusals that no slower pace cures are not about pace, so they are lived with.
"""

from __future__ import annotations

from math import inf

START_CONCURRENCY = 2  # requests in flight before the first answers came

EPOCH_SECONDS, LONGEST_EPOCH_SECONDS = 2.0, 10.0
EPOCH_REQUESTS = 10  # at least, unless they take longer than the longest epoch
EPOCH_REQUESTS_UNPACED = 60  # so that chance alone does not end a time without pace
TOO_MANY = 0.05  # of an epoch's requests refused
MARGIN = 0.95  # of a rate that is known to be just too much
STEP = 0.4  # of the way to the pace that failed, after each clean epoch
NEAR = 0.9  # of the pace that failed: from here on it is waited
FIRST_GROWTH, LARGEST_GROWTH = 0.02, 0.5  # per epoch, beyond the pace that failed
FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS = 4.0, 60.0
SLOWEST = 0.2  # requests per second, while every one is refused
USELESS_CUTS, MOST_USELESS_CUTS = 3, 8  # more than epochs that needed none: it is not the pace
ABOVE = 1.25  # of the rate of good answers: what surely fails, however much more was sent
CHANCE = 0.6  # more refused than this is no matter of chance
LATE_SECONDS = 0.002  # that a thread may wake too late, to be caught up by the next turn


class ConcurrencyLimit:
    """When the next request may go: at most `most` in flight, and not faster than the pace."""

    def __init__(self, most: int, now: float) -> None:
        self.paused_until = -inf
        self.pace = AdaptiveRate(now)
        self._most = most
        self._in_flight = 0
        self._limit = float(min(START_CONCURRENCY, most))
        self._refused_once = False
        self._halved_at = -inf

    def wait(self, now: float) -> float:
        """Seconds until a request may go; infinite if another must end first."""
        wait = max(self.paused_until, self.pace.next_turn) - now
        if wait > 0:
            return wait
        return 0.0 if self._in_flight < int(self._limit) else inf

    def began(self, now: float) -> None:
        """A request was sent."""
        self._in_flight += 1
        self.pace.started(now)

    def ended(self) -> None:
        """A request is no longer in flight."""
        self._in_flight -= 1

    def answered(self, now: float, began: float) -> None:
        """The request that began at `began` got a good answer."""
        step = 1.0 / self._limit if self._refused_once else 1.0
        self._limit = min(self._limit + step, float(self._most))
        self.pace.told(now, began, is_good=True)

    def refused(self, now: float, began: float, retry_after: float | None) -> None:
        """The request that began at `began` was one too many."""
        self._refused_once = True
        # the others in flight were refused for the same reason; and a pace needs no halving
        if began >= self._halved_at and self.pace.per_second is None and not self.pace.tolerates:
            self._limit = max(1.0, self._limit / 2)
            self._halved_at = now
        self.pace.told(now, began, is_good=False)
        if retry_after is not None:
            self.paused_until = max(self.paused_until, now + retry_after)
            self.pace.restart(self.paused_until)


class AdaptiveRate:
    """The most requests a second, `per_second`; None while nothing but chance speaks for one."""

    def __init__(self, now: float) -> None:
        self.per_second: float | None = None
        self.next_turn = -inf
        self._clean: float | None = None  # the last pace at which nothing was refused
        self._failed = inf  # the last pace at which too much was
        self._growth = FIRST_GROWTH
        self._hold = FIRST_HOLD_SECONDS
        self._hold_until = -inf
        self._cuts = 0  # in a row
        self._doubt = 0  # whether refusals are about pace: cuts, less epochs that needed none
        self._enough_doubt = USELESS_CUTS
        self._tolerated = 0.0
        self.restart(now)

    def restart(self, at: float) -> None:
        """Begin an epoch; requests that began before are not counted in it."""
        self._epoch_began = self._latest = at
        self._good = self._bad = 0

    @property
    def tolerates(self) -> bool:
        """Whether refusals are lived with, being as many as expected."""
        expected = self._tolerated * (self._good + self._bad)
        return self._tolerated > 0 and self._bad <= max(2.0, expected)

    def started(self, now: float) -> None:
        """A request was sent."""
        if self.per_second is not None:
            interval = 1.0 / self.per_second
            late = min(LATE_SECONDS, interval / 10)
            self.next_turn = max(self.next_turn, now - late) + interval

    def told(self, now: float, began: float, is_good: bool) -> None:
        """The request that began at `began` was answered or refused."""
        if began < self._epoch_began:
            return
        self._latest = max(self._latest, began)
        self._good += is_good
        self._bad += not is_good
        seconds, requests = now - self._epoch_began, self._good + self._bad
        enough = EPOCH_REQUESTS_UNPACED if self._tolerated else EPOCH_REQUESTS
        if seconds >= LONGEST_EPOCH_SECONDS or (seconds >= EPOCH_SECONDS and requests >= enough):
            self._judge(now, seconds, requests)
            self.restart(now)

    def _judge(self, now: float, seconds: float, requests: int) -> None:
        refused = self._bad / requests
        if refused > max(TOO_MANY, self._tolerated) and (
            self._bad > 1 or requests <= EPOCH_REQUESTS
        ):
            sent = requests / max(self._latest - self._epoch_began, seconds / 2)
            self._slower(now, refused, min(sent, self.per_second or sent))
        elif self.per_second is not None:
            self._cuts, self._doubt = 0, max(0, self._doubt - 1)
            if not refused:
                self._clean = self.per_second
                self.per_second = self._faster(now, self.per_second)

    def _slower(self, now: float, refused: float, sent: float) -> None:
        if self._tolerated:  # so it was the pace, after all
            self._enough_doubt = min(self._enough_doubt + 1, MOST_USELESS_CUTS)
            self._tolerated, self._cuts, self._doubt, self._clean = 0.0, 0, 0, None
        self._cuts += 1
        self._doubt += 1
        if self._doubt >= self._enough_doubt and refused < CHANCE:
            self._give_up(refused)
            return
        pace = self.per_second or sent
        good = sent * (1 - refused)
        if self._cuts == 1 or refused < 1:
            # the first time it is not known how much less would have failed too
            self._failed = pace if self.per_second or not good else min(sent, good * ABOVE)
        self.per_second = max(SLOWEST, self._slower_than(pace, good))
        self._growth = FIRST_GROWTH
        self._hold_until = now + self._hold
        self._hold = min(self._hold * 2, LONGEST_HOLD_SECONDS)

    def _slower_than(self, pace: float, good: float) -> float:
        if not good:
            return pace / 2
        if self._cuts == 1 and self._clean:
            return min(self._clean, pace * MARGIN)
        return good * MARGIN**self._cuts  # more each time, so that what had piled up can drain

    def _give_up(self, refused: float) -> None:
        """No pace from now on, as long as not many more are refused."""
        self.per_second, self.next_turn, self._cuts, self._doubt = None, -inf, 0, 0
        self._tolerated = min(0.9, 1.5 * refused + 0.05)

    def _faster(self, now: float, pace: float) -> float:
        if pace < NEAR * self._failed:
            return min(pace + STEP * (self._failed - pace), self._failed * MARGIN)
        if now < self._hold_until:
            return pace
        faster = pace * (1 + self._growth)
        self._growth = min(self._growth * 2, LARGEST_GROWTH)
        if faster > 1.5 * self._failed:  # the API bears more than it did
            self._hold, self._failed = FIRST_HOLD_SECONDS, faster
        return faster
